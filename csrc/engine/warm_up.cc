#include "engine/warm_up.h"

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "core/mutex.h"

namespace triton_lite {
namespace {

// Errors that a text repeats; a batch may be any number of requests.
constexpr std::size_t kToldErrors = 64;

// What went wrong in one run of a sample. Backends may answer from threads of their own.
class Errors {
 public:
  void Add(std::string text) {
    MutexLock lock(mu_);
    if (texts_.size() < kToldErrors) {
      texts_.push_back(std::move(text));
    }
  }

  Status AsStatus(const WarmUpSample& sample) const {
    MutexLock lock(mu_);
    if (texts_.empty()) {
      return {};
    }
    std::string text = "failed to run warmup sample '" + sample.name + "': ";
    for (const std::string& each : texts_) {
      text += each + "; ";
    }
    return InvalidArgument(std::move(text));
  }

 private:
  mutable Mutex mu_;
  std::vector<std::string> texts_ GUARDED_BY(mu_);
};

class HeapMemory final : public OutputMemory {
 public:
  Result<Buffer> Allocate(std::size_t byte_size) override { return AllocateHeap(byte_size); }
};

class DroppingResponder final : public Responder {
 public:
  explicit DroppingResponder(Errors* errors) : errors_(errors) {}
  ~DroppingResponder() override {
    if (!ended_) {
      errors_->Add("the model gave no answer");
    }
  }
  OutputMemory& memory() override { return memory_; }
  void Send(InferenceResponse response, bool last) override {
    ended_ = ended_ || last;
    if (!response.error.ok()) {
      errors_->Add(response.error.message());
    }
  }
  void Fail(Status status) override {
    ended_ = true;
    errors_->Add(status.message());
  }
  void Finish() override { ended_ = true; }

 private:
  Errors* const errors_;
  HeapMemory memory_;
  bool ended_ = false;
};

RequestPtr MakeRequest(const ModelSpec& spec, const WarmUpSample& sample, Errors* errors) {
  auto request = std::make_unique<InferenceRequest>();
  request->model_name = spec.name;
  request->model_version = spec.version;
  request->inputs = sample.inputs;
  request->outputs = sample.outputs;
  request->cancel = std::make_shared<CancelToken>();
  request->responder = std::make_unique<DroppingResponder>(errors);
  request->times.request_start = request->times.queue_start = request->times.compute_start = NowNanoseconds();
  return request;
}

// What every request of the sample is answered without being run.
Status Refusal(const ModelSpec& spec, const WarmUpSample& sample) {
  const auto most = static_cast<std::uint32_t>(std::max(0, spec.max_batch_size));
  if (sample.batch_size != 1 && sample.batch_size > most) {
    return Internal("batch size " + std::to_string(sample.batch_size) + " for '" + spec.name + "', max allowed is " +
                    std::to_string(most));
  }
  return sample.in_model;
}

Status RunOnce(const ModelSpec& spec, const WarmUpSample& sample, BackendInstance* instance) {
  Errors errors;
  if (const Status refusal = Refusal(spec, sample); !refusal.ok()) {
    for (std::size_t i = 0; i < std::min<std::size_t>(sample.batch_size, kToldErrors); ++i) {
      errors.Add(refusal.message());
    }
    return errors.AsStatus(sample);
  }
  std::vector<RequestPtr> requests;
  std::vector<InferenceRequest*> batch;
  for (std::uint32_t i = 0; i < sample.batch_size; ++i) {
    requests.push_back(MakeRequest(spec, sample, &errors));
    batch.push_back(requests.back().get());
  }
  instance->Execute(batch);
  requests.clear();
  return errors.AsStatus(sample);
}

}  // namespace

Status WarmUp(const ModelSpec& spec, std::span<const WarmUpSample> samples, const InstancePlacement& placement,
              BackendInstance* instance, const WarmUpLog& log) {
  for (const WarmUpSample& sample : samples) {
    for (std::uint32_t i = 1; i <= sample.count; ++i) {
      if (log) {
        log("model '" + spec.name + "' instance " + placement.name + " is running warmup sample '" + sample.name +
            "' for iteration " + std::to_string(i));
      }
      RETURN_IF_ERROR(RunOnce(spec, sample, instance));
      if (i == sample.count) {
        break;  // Before the counter wraps.
      }
    }
  }
  return {};
}

}  // namespace triton_lite
