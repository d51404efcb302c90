// The identity backend: each OUTPUT<n> is INPUT<n>. For tests and benchmarks, as Triton's of the same name.
#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "backends/backend.h"
#include "core/mutex.h"

namespace triton_lite {

// What all instances of an identity model share, from its configuration.
struct IdentitySettings {
  std::chrono::milliseconds execute_delay{0};
  std::int64_t delay_multiplier = 0;  // instance_wise_delay_multiplier: times the instance's number.
  std::chrono::seconds creation_delay{0};
  bool batches = false;
  std::vector<TensorSpec> inputs;
  std::vector<TensorSpec> outputs;
};

class IdentityInstance : public BackendInstance {
 public:
  IdentityInstance(std::shared_ptr<const IdentitySettings> settings, std::int64_t ordinal);

  void Execute(std::span<InferenceRequest* const> batch) override;
  void Interrupt() override EXCLUDES(mu_);
  void EndInterrupt() override EXCLUDES(mu_);

 private:
  // The configured delay; ends early when interrupted.
  void Wait() EXCLUDES(mu_);
  Status Answer(InferenceRequest* request, InferenceResponse* response) const;
  Status AnswerOutput(InferenceRequest* request, const RequestedOutput& output, InferenceResponse* response) const;
  // `shape` of the pair's input, as the output's configuration has it.
  Shape OutputShape(const std::string& output_name, const Shape& shape) const;

  const std::shared_ptr<const IdentitySettings> settings_;
  const std::chrono::milliseconds delay_;

  Mutex mu_;
  CondVar wake_;
  bool interrupted_ GUARDED_BY(mu_) = false;
};

class IdentityModel : public BackendModel {
 public:
  const ModelSignature& signature() const override { return signature_; }
  Status Configure(const ModelSpec& spec) override;
  Result<std::unique_ptr<BackendInstance>> CreateInstance(const InstancePlacement& placement) override;

 private:
  ModelSignature signature_;
  std::shared_ptr<const IdentitySettings> settings_;
};

class IdentityBackend : public Backend {
 public:
  std::string_view name() const override { return "identity"; }
  Result<std::unique_ptr<BackendModel>> Open(const ModelSpec& spec) override;
};

}  // namespace triton_lite
