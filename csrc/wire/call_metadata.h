// What a front end says about a call beside its message (CallBody::metadata), and that it has sent a traced answer
// (Method::kTraceSent).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/bytes.h"

namespace triton_lite::wire {

// Times are steady-clock nanoseconds. The last five are said where there is an access log, the trace context where
// spans are made.
struct CallMetadata {
  std::uint64_t received_start = 0;  // 0: not said, and nobody will say when the answer was sent.
  std::uint64_t received_end = 0;
  std::uint64_t byte_size = 0;        // Of the request as the client sent it; 0: not said.
  std::string_view peer = {};         // The client's address.
  std::string_view request_id = {};   // Of the x-request-id header, for requests without an id of their own.
  std::string_view traceparent = {};  // W3C trace context, as the client sent it; empty: it sent none.
  std::string_view tracestate = {};
};

// Views into `metadata`. Nothing is said by what is no such thing.
CallMetadata ReadCallMetadata(Bytes metadata);

// On the wire: the two times and the byte size (8 bytes each, little-endian), then the texts with line breaks between
// them, of which the last may be missing. `about`: all but the times, as frontends/call_metadata.py packs it; empty:
// nothing.
std::string EncodeCallMetadata(std::uint64_t received_start, std::uint64_t received_end, std::string_view about);

// On the wire: three numbers of 8 bytes, little-endian.
struct TraceSent {
  std::uint64_t call = 0;  // The traced answer's.
  std::uint64_t start = 0;
  std::uint64_t end = 0;
};

std::optional<TraceSent> ReadTraceSent(Bytes bytes);

}  // namespace triton_lite::wire
