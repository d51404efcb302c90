// One trace while it is recorded: what a sampled request of a client and all requests that it gives rise to share.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "core/mutex.h"
#include "trace/trace_record.h"
#include "trace/trace_setting.h"
#include "wire/call_metadata.h"

namespace triton_lite {

// Thread-safe. Handed to its setting when the last holder lets go.
class Trace {
 public:
  // `metadata`: what the front end said about the call.
  Trace(TraceSettingPtr setting, FrontProtocol protocol, const wire::CallMetadata& metadata,
        std::optional<TraceParent> parent);
  ~Trace();
  Trace(const Trace&) = delete;
  Trace& operator=(const Trace&) = delete;

  // Ids of traced requests count from 1, in the whole process.
  static std::uint64_t NextId();

  bool timestamps() const { return (setting_->level() & kTraceTimestamps) != 0; }
  // Spans have no place for tensors.
  bool tensors() const { return (setting_->level() & kTraceTensors) != 0 && setting_->mode() == TraceMode::kTriton; }
  // Whether spans are made of it.
  bool spans() const { return timestamps() && setting_->mode() == TraceMode::kOpenTelemetry; }
  // Of the client's request.
  std::uint64_t id() const { return record_.id; }

  // The id that its spans will have: its client's, or one that is made up now.
  std::string ShareTraceId() EXCLUDES(mu_);
  // What its client's trace context says beside; empty without one.
  const std::string& tracestate() const { return record_.tracestate; }

  void AddRequest(TracedModel request) EXCLUDES(mu_);
  // INFER_RESPONSE_COMPLETE.
  void OnComplete(std::uint64_t time) EXCLUDES(mu_);
  // When the front end sent the answer.
  void OnSent(std::uint64_t start, std::uint64_t end) EXCLUDES(mu_);

 private:
  void AddEvent(TraceEvent event) EXCLUDES(mu_);

  const TraceSettingPtr setting_;
  const FrontProtocol protocol_;
  Mutex mu_;
  TraceRecord record_;  // Guarded by mu_ but for what never changes.
};

}  // namespace triton_lite
