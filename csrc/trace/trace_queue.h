// Finished traces for somebody who makes spans of them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/mutex.h"
#include "trace/trace_output.h"

namespace triton_lite {

class TraceQueue final : public TraceOutput {
 public:
  // What nobody takes in time is dropped beyond that.
  static constexpr std::size_t kMostWaiting = 100'000;

  void Put(std::vector<TraceRecord> traces, bool indexed) override EXCLUDES(mu_);
  void Close() override EXCLUDES(mu_);

  // Waits for some until `deadline` (steady-clock nanoseconds). None: the deadline passed, or closed() and all taken.
  std::vector<TraceRecord> Take(std::uint64_t deadline) EXCLUDES(mu_);
  bool closed() const EXCLUDES(mu_);
  std::size_t dropped() const EXCLUDES(mu_);

 private:
  mutable Mutex mu_;
  CondVar more_;
  std::vector<TraceRecord> waiting_ GUARDED_BY(mu_);
  std::size_t dropped_ GUARDED_BY(mu_) = 0;
  bool closed_ GUARDED_BY(mu_) = false;
};

}  // namespace triton_lite
