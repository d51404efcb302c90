// W3C trace context: what a client says about the trace that its request belongs to.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace triton_lite {

struct TraceParent {
  std::string trace_id;  // 32 hexadecimal digits, lower case, not all 0.
  std::string span_id;   // 16 of them.
  std::uint8_t flags = 0;
};

// Nothing when the header is not valid, and then it counts as absent.
std::optional<TraceParent> ParseTraceParent(std::string_view header);

// New ids, drawn at random.
std::string MakeTraceId();
std::string MakeSpanId();

}  // namespace triton_lite
