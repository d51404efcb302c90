#include "model_process/calls.h"

#include <string>
#include <utility>
#include <vector>

#include "log/log.h"
#include "model_process/body_writer.h"
#include "model_process/infer_message.h"
#include "model_process/parameters_json.h"
#include "model_process/response_reader.h"

namespace triton_lite::model_process {
namespace {

std::string ErrorPrefix(const std::string& model) { return "Model " + model + " - Error when running inference: "; }

Result<RoutedModel> FindModel(ModelRouter* router, const InferCall& call) {
  Result<RoutedModel> routed = router->Find(call.model_name, call.version);
  if (!routed.ok() && routed.status().code() == Code::kUnavailable) {
    return Internal("Failed for execute the inference request. Model '" + call.model_name + "' is not ready.");
  }
  if (routed.ok() && routed->spec->decoupled && !call.decoupled) {
    return Internal("Model " + call.model_name +
                    " is using the decoupled. The current BLS request call doesn't support models using the decoupled "
                    "transaction policy. Please use 'decoupled=True' argument to the 'exec' or 'async_exec' calls for "
                    "decoupled models.'");
  }
  return routed;
}

}  // namespace

// Outputs are written where the asking process reads them.
class Calls::LaneMemory final : public OutputMemory {
 public:
  explicit LaneMemory(Lane* lane) : lane_(lane) {}
  Result<Buffer> Allocate(std::size_t byte_size) override { return lane_->arena().Allocate(byte_size); }

 private:
  Lane* const lane_;
};

class Calls::CallResponder final : public Responder {
 public:
  CallResponder(std::shared_ptr<Calls> calls, std::uint64_t id, const InferenceRequest* request)
      : calls_(std::move(calls)), id_(id), request_(request), memory_(&calls_->connection_->calls()) {}
  ~CallResponder() override {
    if (!ended_) {
      End([&] { calls_->ReplyError(id_, Internal("the request was dropped")); });
    }
  }

  OutputMemory& memory() override { return memory_; }
  void Send(InferenceResponse response, bool last) override {
    if (last) {
      End([&] { calls_->Reply(id_, response, true); });
    } else {
      calls_->Reply(id_, response, false);
    }
  }
  void Fail(Status status) override {
    // What was refused before it was taken in has Triton's words for that around it.
    const bool refused = request_->failure_reason == FailureReason::kUncounted;
    End([&] {
      calls_->ReplyError(id_, refused ? Internal(ErrorPrefix(request_->model_name) + status.message()) : status);
    });
  }
  void Finish() override {
    End([&] { calls_->ReplyEnd(id_); });
  }

 private:
  template <typename ReplyFunction>
  void End(ReplyFunction reply) {
    ended_ = true;
    calls_->Forget(id_);
    reply();
  }

  const std::shared_ptr<Calls> calls_;
  const std::uint64_t id_;
  const InferenceRequest* const request_;  // Owns this.
  LaneMemory memory_;
  bool ended_ = false;
};

bool Calls::Handle(Received& received) {
  switch (received.header.kind) {
    case kInfer:
      Infer(received);
      return true;
    case kCancelInfer:
      CancelInfer(received.header.id);
      return true;
    case kIsCancelled:
      TellWhetherCancelled(received.header);
      return true;
    case kRelease:
      for (const std::uint64_t place : ReadReleased(received.body)) {
        connection_->calls().Release(place);
      }
      return true;
    default:
      return false;
  }
}

void Calls::Infer(Received& received) {
  const std::uint64_t id = received.header.id;
  const RemoteMemory memory = connection_->MemoryOf(received);
  Buffer storage;
  Status status;
  if (const Result<Bytes> body = FetchBody(received.header, received.body, memory, &storage); body.ok()) {
    status = StartInfer(id, *body, memory);
  } else {
    status = body.status();
  }
  if (!status.ok()) {
    ReplyError(id, status);
  }
}

Status Calls::StartInfer(std::uint64_t id, Bytes body, const RemoteMemory& memory) {
  ASSIGN_OR_RETURN(InferCall call, ReadInfer(body, memory, connection_->calls()));
  const Result<RoutedModel> routed = FindModel(router_, call);
  if (!routed.ok()) {
    return Internal(ErrorPrefix(call.model_name) + routed.status().message());
  }
  InferenceRequest* const request = call.request.get();
  request->cancel = std::make_shared<CancelToken>();
  if (const InferenceRequest* const parent = call.traced ? find_request_(call.parent_key) : nullptr;
      parent != nullptr && parent->trace != nullptr) {
    request->trace = parent->trace->MakeChild(*request);
  }
  {
    MutexLock lock(mu_);
    running_[id] = request->cancel;
  }
  request->responder = std::make_unique<CallResponder>(shared_from_this(), id, request);
  router_->Start(*routed, std::move(call.request), {.may_run_inline = true});
  return {};
}

void Calls::CancelInfer(std::uint64_t id) {
  std::shared_ptr<CancelToken> cancel;  // Called without the lock: who is told may end the call, which asks for it.
  {
    MutexLock lock(mu_);
    if (const auto it = running_.find(id); it != running_.end()) {
      cancel = it->second;
    }
  }
  if (cancel != nullptr) {
    cancel->Cancel();
  }
}

void Calls::CancelAll() {
  std::vector<std::shared_ptr<CancelToken>> cancelled;
  {
    MutexLock lock(mu_);
    for (const auto& [id, cancel] : running_) {
      cancel->Mark();
      cancelled.push_back(cancel);
    }
  }
  for (const auto& cancel : cancelled) {
    cancel->Cancel();
  }
}

void Calls::Forget(std::uint64_t id) {
  MutexLock lock(mu_);
  running_.erase(id);
}

void Calls::TellWhetherCancelled(const Header& header) {
  const InferenceRequest* const request = find_request_(header.place);
  const bool cancelled = request != nullptr && request->cancel->cancelled();
  (void)connection_->calls().Send({.kind = kCancelled, .id = header.id, .place = cancelled ? 1U : 0U}, {});
}

void Calls::Reply(std::uint64_t id, const InferenceResponse& response, bool last) {
  if (!response.error.ok()) {
    return ReplyError(id, response.error, last);
  }
  BodyWriter writer(&connection_->calls());
  const std::string parameters = response.parameters.empty() ? std::string() : ToJson(response.parameters);
  writer.Append(Counts{.records = 1});
  writer.Append(ResponseRecord{.flags = kHasResponse | (last ? kFinal : 0),
                               .parameters_length = static_cast<std::uint32_t>(parameters.size()),
                               .output_count = static_cast<std::uint32_t>(response.outputs.size())});
  writer.AppendText(parameters);
  writer.Pad();
  Status status;
  for (const OutputTensor& output : response.outputs) {
    status = writer.AppendTensor(output.name, output.datatype, output.shape, output.data);
    if (!status.ok()) {
      break;
    }
  }
  if (status.ok()) {
    status = connection_->calls().Send({.kind = kInferResponse, .flags = last ? kLast : 0, .id = id}, writer.Finish());
  }
  if (!status.ok()) {
    writer.Abandon();
    LogError("an answer to a model's own request was lost: " + status.message());
    if (last) {
      ReplyError(id, status);
    }
  }
}

void Calls::ReplyError(std::uint64_t id, const Status& status, bool last) {
  BodyWriter writer(&connection_->calls());
  writer.Append(Counts{.records = 1});
  writer.Append(ResponseRecord{.flags = kHasError | (last ? kFinal : 0),
                               .error_code = static_cast<std::uint32_t>(status.code()),
                               .error_length = static_cast<std::uint32_t>(status.message().size())});
  writer.AppendText(status.message());
  writer.Pad();
  (void)connection_->calls().Send({.kind = kInferResponse, .flags = last ? kLast : 0, .id = id}, writer.Finish());
}

void Calls::ReplyEnd(std::uint64_t id) {
  BodyWriter writer(&connection_->calls());
  writer.Append(Counts{.records = 1});
  writer.Append(ResponseRecord{.flags = kFinal});
  (void)connection_->calls().Send({.kind = kInferResponse, .flags = kLast, .id = id}, writer.Finish());
}

}  // namespace triton_lite::model_process
