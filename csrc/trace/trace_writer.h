// Writes the trace files on a thread of its own.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "core/mutex.h"
#include "trace/trace_file.h"
#include "trace/trace_output.h"

namespace triton_lite {

class TraceWriter final : public TraceOutput {
 public:
  // Traces that may wait for the disk; more are dropped, and `log` is told.
  static constexpr std::size_t kMostWaiting = 200'000;

  // `log` takes what goes wrong, on the writer's thread.
  TraceWriter(std::string path, std::function<void(const std::string&)> log);
  ~TraceWriter() override { Close(); }

  void Put(std::vector<TraceRecord> traces, bool indexed) override EXCLUDES(mu_);
  void Close() override EXCLUDES(mu_);

 private:
  struct Batch {
    std::vector<TraceRecord> traces;
    bool indexed;
  };

  void Run() EXCLUDES(mu_);
  std::vector<Batch> Take(std::size_t* dropped) EXCLUDES(mu_);
  void Write(const std::vector<Batch>& batches);
  bool AppendAll(std::string* elements);

  TraceFile file_;  // The thread's.
  const std::function<void(const std::string&)> log_;
  Mutex mu_;
  CondVar more_;
  std::vector<Batch> waiting_ GUARDED_BY(mu_);
  std::size_t waiting_count_ GUARDED_BY(mu_) = 0;
  std::size_t dropped_ GUARDED_BY(mu_) = 0;
  bool closed_ GUARDED_BY(mu_) = false;
  std::thread thread_ GUARDED_BY(mu_);  // From the first traces on.
};

}  // namespace triton_lite
