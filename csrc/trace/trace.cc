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

Trace::Trace(TraceSettingPtr setting, const std::optional<wire::FrontTrace>& front, std::optional<TraceParent> parent)
    : setting_(std::move(setting)), protocol_(front ? front->protocol : wire::FrontProtocol::kHttp) {
  record_.id = NextId();
  record_.start = NowNanoseconds();
  record_.wall_offset = WallOffset(record_.start);
  record_.parent = std::move(parent);
  if (!front.has_value()) {
    return;
  }
  record_.tracestate = front->tracestate;
  if (!timestamps()) {
    return;
  }
  // A gRPC server of Triton's adds its own when it is done with a request.
  if (protocol_ == wire::FrontProtocol::kHttp) {
    record_.received = {{"HTTP_RECV_START", front->received_start}, {"HTTP_RECV_END", front->received_end}};
  } else {
    record_.sent = {{"GRPC_WAITREAD_START", front->received_start}, {"GRPC_WAITREAD_END", front->received_end}};
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

void Trace::AddRequest(TracedModel request) {
  MutexLock lock(mu_);
  record_.requests.push_back(std::move(request));
}

void Trace::OnComplete(std::uint64_t time) { AddEvent({"INFER_RESPONSE_COMPLETE", time}); }

void Trace::OnSent(std::uint64_t start, std::uint64_t end) {
  const bool http = protocol_ == wire::FrontProtocol::kHttp;
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
