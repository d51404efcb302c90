// Stand-ins for what surrounds the engine: a call that keeps its answers, a scheduler that keeps its requests.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "channel/call.h"
#include "core/model_spec.h"
#include "engine/served_model.h"
#include "schedule/scheduler.h"

namespace triton_lite::testing {

struct SentAnswer {
  Answer answer;
  bool last = false;
};

class FakeCall final : public Call {
 public:
  explicit FakeCall(Method method, std::string message = {}, std::vector<std::string> segments = {},
                    std::string peer = "grpc")
      : method_(method), message_(std::move(message)), segments_(std::move(segments)), peer_{1, std::move(peer), 1} {
    for (const std::string& segment : segments_) {
      views_.push_back(AsBytes(segment));
    }
  }

  std::uint64_t id() const override { return 1; }
  Method method() const override { return method_; }
  bool regions_denied() const override { return false; }
  Bytes message() const override { return AsBytes(message_); }
  std::span<const Bytes> segments() const override { return views_; }
  const PeerInfo& peer() const override { return peer_; }
  const std::shared_ptr<CancelToken>& cancel_token() const override { return cancel_; }
  void OnCancel(std::function<void()>) override {}
  void ExpectMany() override { many = true; }
  bool HasCredit() override { return true; }
  void OnCredit(std::function<void()> hook) override { hook(); }
  Result<Buffer> Allocate(std::size_t byte_size) override { return AllocateHeap(byte_size); }
  void Reply(Answer answer, bool last) override { answers.push_back({std::move(answer), last}); }

  std::vector<SentAnswer> answers;
  bool many = false;

 private:
  const Method method_;
  const std::string message_;
  const std::vector<std::string> segments_;
  std::vector<Bytes> views_;
  const PeerInfo peer_;
  const std::shared_ptr<CancelToken> cancel_ = std::make_shared<CancelToken>();
};

// Gives each request to `run`; without one the requests wait in `taken`.
class FakeScheduler final : public Scheduler {
 public:
  void Enqueue(RequestPtr request, EnqueueHint) override {
    if (run) {
      run(std::move(request));
    } else {
      taken.push_back(std::move(request));
    }
  }
  void Drain() override {
    if (on_drain) {
      on_drain();
    }
  }
  std::size_t pending() const override { return taken.size(); }

  std::function<void(RequestPtr)> run;
  std::function<void()> on_drain;
  std::vector<RequestPtr> taken;
};

inline TensorSpec Tensor(std::string name, DataType datatype, Shape dims) {
  TensorSpec spec;
  spec.name = std::move(name);
  spec.datatype = datatype;
  spec.dims = std::move(dims);
  return spec;
}

// The model of every Triton example: two INT32 inputs and outputs of 16 elements, batches up to 8.
inline ModelSpec SimpleSpec() {
  ModelSpec spec;
  spec.name = "simple";
  spec.max_batch_size = 8;
  spec.inputs = {Tensor("INPUT0", DataType::kInt32, {16}), Tensor("INPUT1", DataType::kInt32, {16})};
  spec.outputs = {Tensor("OUTPUT0", DataType::kInt32, {16}), Tensor("OUTPUT1", DataType::kInt32, {16})};
  return spec;
}

inline ModelSpec IdentitySpec(DataType datatype, Shape dims, std::int32_t max_batch_size) {
  ModelSpec spec;
  spec.name = "identity";
  spec.max_batch_size = max_batch_size;
  spec.inputs = {Tensor("INPUT0", datatype, dims)};
  spec.outputs = {Tensor("OUTPUT0", datatype, dims)};
  return spec;
}

inline std::shared_ptr<const ServedModel> Serve(ModelSpec spec) {
  return std::make_shared<const ServedModel>(std::move(spec), nullptr, std::make_unique<FakeScheduler>());
}

inline Buffer Owned(std::string bytes) {
  auto owner = std::make_shared<std::string>(std::move(bytes));
  return {reinterpret_cast<std::byte*>(owner->data()), owner->size(), owner};
}

inline InputTensor Input(std::string name, DataType datatype, Shape shape, std::string bytes) {
  return {std::move(name), datatype, std::move(shape), Owned(std::move(bytes)), {}};
}

}  // namespace triton_lite::testing
