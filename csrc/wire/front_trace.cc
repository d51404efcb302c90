#include "wire/front_trace.h"

#include <bit>
#include <cstring>

namespace triton_lite::wire {
namespace {

static_assert(std::endian::native == std::endian::little);

constexpr std::size_t kNumber = sizeof(std::uint64_t);
constexpr std::size_t kNumbers = 1 + 3 * kNumber;

std::uint64_t NumberAt(Bytes bytes, std::size_t at) {
  std::uint64_t number;
  std::memcpy(&number, bytes.data() + at, kNumber);
  return number;
}

}  // namespace

std::optional<FrontTrace> ReadFrontTrace(Bytes bytes) {
  if (bytes.size() < kNumbers) {
    return std::nullopt;
  }
  FrontTrace front;
  front.protocol = static_cast<FrontProtocol>(bytes[0]);
  if (front.protocol != FrontProtocol::kHttp && front.protocol != FrontProtocol::kGrpc) {
    return std::nullopt;
  }
  front.token = NumberAt(bytes, 1);
  front.received_start = NumberAt(bytes, 1 + kNumber);
  front.received_end = NumberAt(bytes, 1 + 2 * kNumber);
  const std::string_view context = AsText(bytes.subspan(kNumbers));
  const std::size_t line = context.find('\n');
  front.traceparent = context.substr(0, line);
  front.tracestate = line == std::string_view::npos ? std::string_view() : context.substr(line + 1);
  return front;
}

std::optional<TraceSent> ReadTraceSent(Bytes bytes) {
  if (bytes.size() != 3 * kNumber) {
    return std::nullopt;
  }
  return TraceSent{NumberAt(bytes, 0), NumberAt(bytes, kNumber), NumberAt(bytes, 2 * kNumber)};
}

}  // namespace triton_lite::wire
