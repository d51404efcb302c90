#include "trace/traceparent.h"

#include <algorithm>
#include <random>

namespace triton_lite {
namespace {

// version-traceid-spanid-flags
constexpr std::size_t kVersion = 2;
constexpr std::size_t kTraceId = 32;
constexpr std::size_t kSpanId = 16;
constexpr std::size_t kFlags = 2;
constexpr std::size_t kLength = kVersion + kTraceId + kSpanId + kFlags + 3;

int HexValue(char c) {
  if (c >= '0' && c <= '9') {
    return c - '0';
  }
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool IsHex(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return HexValue(c) >= 0; });
}

bool IsId(std::string_view text) { return IsHex(text) && text.find_first_not_of('0') != std::string_view::npos; }

std::string_view Trimmed(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(" \t");
  if (begin == std::string_view::npos) {
    return {};
  }
  return text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

std::string MakeId(std::size_t digits) {
  static thread_local std::mt19937_64 random = [] {
    std::random_device device;
    std::seed_seq seed{device(), device(), device(), device(), device(), device(), device(), device()};
    return std::mt19937_64(seed);
  }();
  std::string id;
  while (!IsId(id)) {
    id.clear();
    for (std::uint64_t bits = 0; id.size() < digits; bits >>= 4) {
      bits = id.size() % 16 == 0 ? random() : bits;
      id.push_back("0123456789abcdef"[bits % 16]);
    }
  }
  return id;
}

}  // namespace

std::optional<TraceParent> ParseTraceParent(std::string_view header) {
  const std::string_view text = Trimmed(header);
  if (text.size() < kLength) {
    return std::nullopt;
  }
  const std::string_view version = text.substr(0, kVersion);
  const std::string_view trace_id = text.substr(kVersion + 1, kTraceId);
  const std::string_view span_id = text.substr(kVersion + kTraceId + 2, kSpanId);
  const std::string_view flags = text.substr(kLength - kFlags, kFlags);
  const bool separated =
      text[kVersion] == '-' && text[kVersion + kTraceId + 1] == '-' && text[kLength - kFlags - 1] == '-';
  // Versions to come may have more behind; this one has not.
  const bool ended = text.size() == kLength || (version != "00" && text[kLength] == '-');
  if (!separated || !ended || !IsHex(version) || version == "ff" || !IsId(trace_id) || !IsId(span_id) ||
      !IsHex(flags)) {
    return std::nullopt;
  }
  const int value = HexValue(flags[0]) * 16 + HexValue(flags[1]);
  return TraceParent{std::string(trace_id), std::string(span_id), static_cast<std::uint8_t>(value)};
}

std::string MakeTraceId() { return MakeId(kTraceId); }

std::string MakeSpanId() { return MakeId(kSpanId); }

}  // namespace triton_lite
