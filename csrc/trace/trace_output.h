// Where finished traces go.
#pragma once

#include <vector>

#include "trace/trace_record.h"

namespace triton_lite {

class TraceOutput {
 public:
  virtual ~TraceOutput() = default;
  // Takes traces, in their order. Any thread; never blocks on what becomes of them. `indexed`: they are to make up a
  // file of their own (mode triton).
  virtual void Put(std::vector<TraceRecord> traces, bool indexed) = 0;
  // Takes no more; returns when all that it took is where it should be, or where somebody else will take it from.
  virtual void Close() = 0;
};

}  // namespace triton_lite
