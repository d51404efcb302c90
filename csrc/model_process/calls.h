// What a model asks of other models (business logic scripting) and about its requests.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <unordered_map>

#include "core/mutex.h"
#include "core/request.h"
#include "model_process/connection.h"
#include "schedule/scheduler.h"

namespace triton_lite::model_process {

// Of one process. What it started lives on when the process ends, unheard and cancelled.
class Calls : public std::enable_shared_from_this<Calls> {
 public:
  // Finds a request that the model runs, by its key; null when it has ended.
  using FindRequest = std::function<InferenceRequest*(std::uint64_t)>;

  Calls(std::shared_ptr<Connection> connection, ModelRouter* router, FindRequest find_request)
      : connection_(std::move(connection)), router_(router), find_request_(std::move(find_request)) {}

  // One message of the calls lane. On the thread that serves the process. False when it is no message.
  bool Handle(Received& received) EXCLUDES(mu_);
  // The process is gone.
  void CancelAll() EXCLUDES(mu_);

 private:
  class CallResponder;
  class LaneMemory;

  void Infer(Received& received);
  Status StartInfer(std::uint64_t id, Bytes body, const RemoteMemory& memory);
  void CancelInfer(std::uint64_t id) EXCLUDES(mu_);
  void TellWhetherCancelled(const Header& header);
  void Forget(std::uint64_t id) EXCLUDES(mu_);
  // Sends an INFER_RESPONSE; one that there is no memory for becomes an error.
  void Reply(std::uint64_t id, const InferenceResponse& response, bool last);
  void ReplyError(std::uint64_t id, const Status& status, bool last = true);
  void ReplyEnd(std::uint64_t id);

  const std::shared_ptr<Connection> connection_;
  ModelRouter* const router_;
  const FindRequest find_request_;  // On the serving thread only.

  Mutex mu_;
  std::unordered_map<std::uint64_t, std::shared_ptr<CancelToken>> running_ GUARDED_BY(mu_);
};

}  // namespace triton_lite::model_process
