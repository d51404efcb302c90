#include "trace/tracer.h"

#include <utility>

#include "trace/trace_writer.h"
#include "trace/traced_request.h"

namespace triton_lite {

Tracer::Tracer(const TraceConfig& config, std::function<void(const std::string&)> log)
    : config_(config),
      queue_(config.mode == TraceMode::kOpenTelemetry ? std::make_shared<TraceQueue>() : nullptr),
      output_(queue_ != nullptr ? std::shared_ptr<TraceOutput>(queue_)
                                : std::make_shared<TraceWriter>(config.file, std::move(log))),
      settings_(config, output_),
      active_(settings_.any_enabled()) {}

void Tracer::OnActive(std::function<void(bool)> hook) {
  MutexLock lock(update_mu_);
  on_active_ = std::move(hook);
  if (on_active_) {
    on_active_(active());
  }
}

Status Tracer::Update(const std::string& model, const TraceChanges& changes) {
  MutexLock lock(update_mu_);
  Status status = settings_.Update(model, changes);
  const bool enabled = settings_.any_enabled();
  if (active_.exchange(enabled, std::memory_order_relaxed) != enabled && on_active_) {
    on_active_(enabled);
  }
  return status;
}

void Tracer::Sample(const FrontCall& call, InferenceRequest* request) {
  const TraceSettingPtr setting = settings_.Find(request->model_name);
  if (setting->level() == 0) {
    return;
  }
  std::optional<TraceParent> parent;
  if (setting->mode() == TraceMode::kOpenTelemetry) {
    parent = ParseTraceParent(wire::ReadCallMetadata(call.metadata).traceparent);
  }
  if (!setting->Sample(parent.has_value())) {
    return;
  }
  const wire::CallMetadata metadata = wire::ReadCallMetadata(call.metadata);
  TracedRequest::AnswerHook on_answer;
  if (metadata.received_start != 0) {
    on_answer = [sends = sends_, key = PendingSends::Key(call.peer, call.id)](std::shared_ptr<Trace> trace) {
      sends->Expect(key, std::move(trace));
      return true;
    };
  }
  request->trace = std::make_unique<TracedRequest>(
      std::make_shared<Trace>(setting, call.protocol, metadata, std::move(parent)), *request, std::move(on_answer));
}

void Tracer::OnSent(std::uint64_t peer, const wire::TraceSent& sent) {
  if (const auto trace = sends_->Take({peer, sent.call})) {
    trace->OnSent(sent.start, sent.end);
  }
}

void Tracer::Stop() {
  sends_->Clear();
  settings_.Clear();
  active_.store(false, std::memory_order_relaxed);
  output_->Close();
}

}  // namespace triton_lite
