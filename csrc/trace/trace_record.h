// What was recorded of one sampled request and of those that it gave rise to.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/datatype.h"
#include "core/shape.h"
#include "trace/traceparent.h"

namespace triton_lite {

// How the request came to the front end, which decides what its points in time are called.
enum class FrontProtocol : std::uint8_t { kHttp, kGrpc };

struct TraceEvent {
  const char* name;    // A literal.
  std::uint64_t time;  // Steady-clock nanoseconds.
};

enum class TensorActivity : std::uint8_t { kQueueInput, kBackendInput, kBackendOutput };

struct TracedTensor {
  TensorActivity activity;
  std::string name;
  DataType datatype;
  Shape shape;
  std::string bytes;
};

// One request of one model.
struct TracedModel {
  std::uint64_t id = 0;
  std::uint64_t parent_id = 0;  // 0: the client's own request.
  std::string model_name;
  std::int64_t model_version = 0;
  std::string request_id;
  std::string span_id;             // That its model was told; empty: any will do.
  std::vector<TraceEvent> events;  // Of level TIMESTAMPS, REQUEST_START first; empty at other levels.
  std::vector<TracedTensor> tensors;
};

struct TraceRecord {
  std::uint64_t id = 0;               // Of the client's own request.
  std::vector<TraceEvent> received;   // Of the front end, before the request.
  std::vector<TracedModel> requests;  // In the order in which they ended.
  std::vector<TraceEvent> sent;       // Of the front end, after it.
  // Of the whole, for spans.
  std::uint64_t start = 0;
  std::uint64_t end = 0;
  std::int64_t wall_offset = 0;  // Added to a time it gives nanoseconds since 1970.
  std::optional<TraceParent> parent;
  std::string tracestate;  // Empty without a parent.
  std::string trace_id;    // That a model was told; empty: the parent's, or any.
};

}  // namespace triton_lite
