// Records one request of a trace from what the request itself holds when it ends.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/request.h"
#include "trace/trace.h"

namespace triton_lite {

class TracedRequest final : public RequestTrace {
 public:
  // Called when the client's answer is handed over; returns whether the front end is to say when it has sent it.
  using AnswerHook = std::function<bool(std::shared_ptr<Trace>)>;

  // The client's own request. `request` will own this.
  TracedRequest(std::shared_ptr<Trace> trace, const InferenceRequest& request, AnswerHook on_answer);
  ~TracedRequest() override;

  void OnStart(const ModelSpec& spec) override;
  void OnResponse(const InferenceResponse& response) override;
  bool OnAnswer() override;
  std::string Context() override;
  std::unique_ptr<RequestTrace> MakeChild(const InferenceRequest& child) const override;

 private:
  TracedRequest(std::shared_ptr<Trace> trace, const InferenceRequest& request, std::uint64_t id,
                std::uint64_t parent_id);

  const std::shared_ptr<Trace> trace_;
  const InferenceRequest& request_;
  const std::uint64_t id_;
  const std::uint64_t parent_id_;
  const AnswerHook on_answer_;
  bool computes_ = true;  // False: an ensemble, whose steps compute.
  std::uint64_t first_response_ = 0;
  std::string span_id_;  // Empty: nobody has asked for it.
  std::vector<TracedTensor> tensors_;
};

}  // namespace triton_lite
