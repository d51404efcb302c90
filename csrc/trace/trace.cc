#include "trace/trace.h"

#include <chrono>
#include <utility>

#include "core/request.h"

namespace triton_lite {
namespace {

std::int64_t WallOffset(std::uint64_t now) {
  const auto wall = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::nanoseconds>(wall).count() - static_cast<std::int64_t>(now);
}

}  // namespace

Trace::Trace(TraceSettingPtr setting, FrontProtocol protocol, const wire::CallMetadata& metadata,
             std::optional<TraceParent> parent)
    : setting_(std::move(setting)), protocol_(protocol) {
  record_.id = NextId();
  record_.start = NowNanoseconds();
  record_.wall_offset = WallOffset(record_.start);
  record_.parent = std::move(parent);
  if (record_.parent.has_value()) {
    record_.tracestate = metadata.tracestate;
  }
  if (metadata.received_start == 0 || !timestamps()) {
    return;
  }
  // A gRPC server of Triton's adds its own when it is done with a request.
  if (protocol_ == FrontProtocol::kHttp) {
    record_.received = {{"HTTP_RECV_START", metadata.received_start}, {"HTTP_RECV_END", metadata.received_end}};
  } else {
    record_.sent = {{"GRPC_WAITREAD_START", metadata.received_start}, {"GRPC_WAITREAD_END", metadata.received_end}};
  }
}

Trace::~Trace() {
  record_.end = NowNanoseconds();
  setting_->Collect(std::move(record_));
}

std::uint64_t Trace::NextId() {
  static std::atomic<std::uint64_t> next{1};
  return next.fetch_add(1, std::memory_order_relaxed);
}

std::string Trace::ShareTraceId() {
  if (record_.parent.has_value()) {
    return record_.parent->trace_id;
  }
  MutexLock lock(mu_);
  if (record_.trace_id.empty()) {
    record_.trace_id = MakeTraceId();
  }
  return record_.trace_id;
}

void Trace::AddRequest(TracedModel request) {
  MutexLock lock(mu_);
  record_.requests.push_back(std::move(request));
}

void Trace::OnComplete(std::uint64_t time) { AddEvent({"INFER_RESPONSE_COMPLETE", time}); }

void Trace::OnSent(std::uint64_t start, std::uint64_t end) {
  const bool http = protocol_ == FrontProtocol::kHttp;
  AddEvent({http ? "HTTP_SEND_START" : "GRPC_SEND_START", start});
  AddEvent({http ? "HTTP_SEND_END" : "GRPC_SEND_END", end});
}

void Trace::AddEvent(TraceEvent event) {
  if (timestamps()) {
    MutexLock lock(mu_);
    record_.sent.push_back(event);
  }
}

}  // namespace triton_lite
