// What a front end says about a request that may be traced: a field of ModelInferRequest (request_field::kFrontTrace)
// while the engine traces, and the message of Method::kTraceSent when a traced answer was sent.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "core/bytes.h"

namespace triton_lite::wire {

enum class FrontProtocol : char { kHttp = 'h', kGrpc = 'g' };

// Times are steady-clock nanoseconds. On the wire: protocol (1 byte), token, received_start, received_end (8 bytes
// each, little-endian), traceparent, a line break, tracestate.
struct FrontTrace {
  FrontProtocol protocol = FrontProtocol::kHttp;
  std::uint64_t token = 0;  // Names the request among those of its process.
  std::uint64_t received_start = 0;
  std::uint64_t received_end = 0;
  std::string_view traceparent;  // W3C trace context, as the client sent it; empty: it sent none.
  std::string_view tracestate;
};

// Nothing when the bytes are no such thing (clients may send any field). Views into `bytes`.
std::optional<FrontTrace> ReadFrontTrace(Bytes bytes);

// On the wire: three numbers of 8 bytes, little-endian.
struct TraceSent {
  std::uint64_t token = 0;
  std::uint64_t start = 0;
  std::uint64_t end = 0;
};

std::optional<TraceSent> ReadTraceSent(Bytes bytes);

}  // namespace triton_lite::wire
