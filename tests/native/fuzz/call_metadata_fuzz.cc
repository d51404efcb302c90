// What front ends say of a call, of which clients wrote the texts, and the trace context in it.
#include "fuzz.h"
#include "wire/call_metadata.h"

using namespace triton_lite;
using namespace triton_lite::fuzz;

FUZZ_TARGET(input) {
  const Bytes bytes = input.TakeRest();
  if (const auto sent = wire::ReadTraceSent(bytes)) {
    HOLDS(bytes.size() == sizeof(*sent));
  }
  const wire::CallMetadata said = wire::ReadCallMetadata(bytes);
  for (const std::string_view text : {said.peer, said.request_id, said.traceparent, said.tracestate}) {
    HOLDS(IsInside(text, bytes));
  }
  for (const std::string_view text : {said.peer, said.request_id, said.traceparent}) {
    HOLDS(text.find('\n') == std::string_view::npos);
  }
  // All but the times, as front ends pack it.
  const std::string_view about = bytes.size() < 24 ? std::string_view() : AsText(bytes.subspan(16));
  const std::string written = wire::EncodeCallMetadata(said.received_start, said.received_end, about);
  const wire::CallMetadata again = wire::ReadCallMetadata(AsBytes(written));
  HOLDS(again.received_start == said.received_start && again.byte_size == said.byte_size);
  HOLDS(again.peer == said.peer && again.tracestate == said.tracestate);
}
