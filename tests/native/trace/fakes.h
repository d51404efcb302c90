// An output that keeps what it is given.
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "core/mutex.h"
#include "trace/trace_output.h"

namespace triton_lite::testing {

class KeptTraces final : public TraceOutput {
 public:
  struct Batch {
    std::vector<TraceRecord> traces;
    bool indexed;
  };

  void Put(std::vector<TraceRecord> traces, bool indexed) override {
    MutexLock lock(mu_);
    batches_.push_back({std::move(traces), indexed});
  }
  void Close() override {}

  // Sizes of the batches so far, negative for indexed ones.
  std::vector<int> sizes() {
    MutexLock lock(mu_);
    std::vector<int> sizes;
    for (const Batch& batch : batches_) {
      const int size = static_cast<int>(batch.traces.size());
      sizes.push_back(batch.indexed ? -size : size);
    }
    return sizes;
  }

 private:
  Mutex mu_;
  std::vector<Batch> batches_ GUARDED_BY(mu_);
};

inline TraceRecord Record(std::uint64_t id = 1) {
  TraceRecord record;
  record.id = id;
  TracedModel request;
  request.id = id;
  request.model_name = "simple";
  request.model_version = 1;
  request.events = {{"REQUEST_START", 10}, {"QUEUE_START", 11}, {"REQUEST_END", 12}};
  record.requests.push_back(std::move(request));
  return record;
}

}  // namespace triton_lite::testing
