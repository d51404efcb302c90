// One set of trace settings that is in force: it decides which requests are sampled, and gathers their traces.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/mutex.h"
#include "trace/trace_output.h"
#include "trace/trace_record.h"
#include "trace/trace_values.h"

namespace triton_lite {

// A change of settings makes a new one; traces keep the one that they were sampled under. What was gathered is handed
// on at the latest when the last of them lets go.
class TraceSetting {
 public:
  // Which values were set for themselves, and do not follow those of the server.
  struct Specified {
    bool level = false;
    bool rate = false;
    bool count = false;
    bool log_frequency = false;
    bool any() const { return level || rate || count || log_frequency; }
  };

  TraceSetting(const TraceConfig& config, Specified specified, std::shared_ptr<TraceOutput> output);
  ~TraceSetting();
  TraceSetting(const TraceSetting&) = delete;
  TraceSetting& operator=(const TraceSetting&) = delete;

  // As they are now: the count goes down.
  TraceValues values() const;
  TraceLevel level() const { return values_.level; }
  TraceMode mode() const { return mode_; }
  const Specified& specified() const { return specified_; }
  // Why nothing can be sampled, other than the count; empty when something can.
  const std::string& problem() const { return problem_; }

  // Whether a request is to be traced. Counts every request that comes while something can be sampled. `forced`: it is
  // to be traced in any case.
  bool Sample(bool forced);
  void Collect(TraceRecord record) EXCLUDES(mu_);

 private:
  bool TakeOne();

  const TraceValues values_;
  const TraceMode mode_;
  const Specified specified_;
  const std::string problem_;
  const std::shared_ptr<TraceOutput> output_;
  // Every request is sampled until the count is used up: the traces make up one indexed file.
  const bool counted_file_;
  std::atomic<std::int32_t> count_;
  std::atomic<std::uint64_t> requests_{0};
  Mutex mu_;
  std::vector<TraceRecord> gathered_ GUARDED_BY(mu_);
  std::uint64_t collected_ GUARDED_BY(mu_) = 0;
};

using TraceSettingPtr = std::shared_ptr<TraceSetting>;

}  // namespace triton_lite
