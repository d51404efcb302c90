#include "wire/call_metadata.h"

#include <bit>
#include <cstring>

namespace triton_lite::wire {
namespace {

static_assert(std::endian::native == std::endian::little);

constexpr std::size_t kNumber = sizeof(std::uint64_t);
constexpr std::size_t kNumbers = 3 * kNumber;

std::uint64_t NumberAt(Bytes bytes, std::size_t at) {
  std::uint64_t number;
  std::memcpy(&number, bytes.data() + at, kNumber);
  return number;
}

void AppendNumber(std::uint64_t number, std::string* out) {
  out->append(reinterpret_cast<const char*>(&number), kNumber);
}

// Moves `texts` behind the first of them.
std::string_view TakeText(std::string_view* texts) {
  const std::size_t end = texts->find('\n');
  const std::string_view text = texts->substr(0, end);
  *texts = end == std::string_view::npos ? std::string_view() : texts->substr(end + 1);
  return text;
}

}  // namespace

CallMetadata ReadCallMetadata(Bytes metadata) {
  CallMetadata said;
  if (metadata.size() < kNumbers) {
    return said;
  }
  said.received_start = NumberAt(metadata, 0);
  said.received_end = NumberAt(metadata, kNumber);
  said.byte_size = NumberAt(metadata, 2 * kNumber);
  std::string_view texts = AsText(metadata.subspan(kNumbers));
  said.peer = TakeText(&texts);
  said.request_id = TakeText(&texts);
  said.traceparent = TakeText(&texts);
  said.tracestate = texts;
  return said;
}

std::string EncodeCallMetadata(std::uint64_t received_start, std::uint64_t received_end, std::string_view about) {
  std::string metadata;
  metadata.reserve(kNumbers + about.size());
  AppendNumber(received_start, &metadata);
  AppendNumber(received_end, &metadata);
  if (about.empty()) {
    AppendNumber(0, &metadata);
  }
  metadata.append(about);
  return metadata;
}

std::optional<TraceSent> ReadTraceSent(Bytes bytes) {
  if (bytes.size() != kNumbers) {
    return std::nullopt;
  }
  return TraceSent{NumberAt(bytes, 0), NumberAt(bytes, kNumber), NumberAt(bytes, 2 * kNumber)};
}

}  // namespace triton_lite::wire
