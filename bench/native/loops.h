// What the load loops share: clocks, requests through the engine of this process, bare runs of ONNX Runtime.
#pragma once

#include <poll.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "backends/ort_handles.h"
#include "backends/ort_library.h"
#include "channel/client.h"
#include "engine/engine.h"
#include "wire/infer_message.h"

namespace triton_lite::bench {

[[noreturn]] inline void Die(const std::string& text) {
  std::fprintf(stderr, "%s\n", text.c_str());
  std::exit(1);
}

inline void Check(const Status& status) {
  if (!status.ok()) {
    Die(status.message());
  }
}

template <typename T>
T Value(Result<T> result) {
  Check(result.status());
  return *std::move(result);
}

inline void Serve(Engine& engine, const ModelSpec& spec) {
  engine.Publish(spec.name, {{1, Value(engine.Load(spec, {}))}}, {});
}

// What a round came to.
struct Sample {
  double rate = 0;             // A second.
  double cpu_nanoseconds = 0;  // For each, in all threads.
};

inline std::uint64_t CpuNanoseconds() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000u + static_cast<std::uint64_t>(now.tv_nsec);
}

// Between its making and a call of Take.
class Stopwatch {
 public:
  bool before(double seconds) const { return NowNanoseconds() < start_ + static_cast<std::uint64_t>(seconds * 1e9); }
  Sample Take(std::uint64_t count) const {
    const auto done = static_cast<double>(count);
    return {done / (static_cast<double>(NowNanoseconds() - start_) * 1e-9),
            static_cast<double>(CpuNanoseconds() - cpu_start_) / done};
  }

 private:
  std::uint64_t start_ = NowNanoseconds();
  std::uint64_t cpu_start_ = CpuNanoseconds();
};

// Requests through the engine, so many in flight from one thread.
class EngineLoop {
 public:
  struct Input {
    std::string name;
    std::string datatype;
    std::vector<std::int64_t> shape;
    Bytes data;  // Outlives the loop.
  };

  EngineLoop(Engine& engine, const std::string& model, const std::vector<Input>& inputs, unsigned depth = 64,
             std::int64_t priority = 0)
      : EngineLoop(MakeDirectClient(&engine), model, inputs, depth, priority) {}

  // Through any client: of an engine in this process, or in another one.
  EngineLoop(std::unique_ptr<ChannelClient> client, const std::string& model, const std::vector<Input>& inputs,
             unsigned depth, std::int64_t priority = 0)
      : client_(std::move(client)), depth_(depth) {
    std::vector<wire::InferRequestBuilder::Input> views;
    for (const Input& input : inputs) {
      views.push_back({input.name, input.datatype, input.shape, {}});
      segments_.push_back(input.data);
    }
    const std::pair<std::string, ParameterValue> parameters[] = {{"priority", priority}};
    wire::InferRequestBuilder builder;
    builder.model_name = model;
    builder.inputs = views;
    if (priority != 0) {
      builder.parameters = parameters;
    }
    message_ = wire::EncodeInferRequest(builder);
  }

  // From here on the inputs lie in the client's memory: no request is copied, as in a front end that receives into it.
  void PlaceInputs() {
    for (Bytes& input : segments_) {
      const Buffer body = bodies_.emplace_back(Value(client_->AllocateBody(input.size())));
      std::copy(input.begin(), input.end(), body.data);
      input = body.bytes();
    }
  }

  Sample Run(double seconds) {
    const Stopwatch watch;
    std::uint64_t answered = 0;
    std::uint64_t sent = 0;
    while (watch.before(seconds)) {
      for (; sent - answered < depth_; ++sent) {
        Send();
      }
      answered += Take();
    }
    const Sample sample = watch.Take(answered);
    while (answered < sent) {
      answered += Take();
    }
    return sample;
  }

  // Nanoseconds that each of `count` requests takes, one at a time.
  std::vector<double> Latencies(int count) {
    std::vector<double> taken;
    for (int i = 0; i < count; ++i) {
      const std::uint64_t start = NowNanoseconds();
      Send();
      while (Take() == 0) {
      }
      taken.push_back(static_cast<double>(NowNanoseconds() - start));
    }
    return taken;
  }

 private:
  void Send() { Value(client_->Send(Method::kModelInfer, {message_, segments_})); }

  std::size_t Take() {
    const std::vector<ReceivedAnswerPtr> answers = client_->Poll();
    for (const ReceivedAnswerPtr& answer : answers) {
      Check(answer->status());
    }
    if (answers.empty() && client_->ArmWakeup()) {
      pollfd waiting{client_->fd(), POLLIN, 0};
      ::poll(&waiting, 1, -1);
    }
    return answers.size();
  }

  const std::unique_ptr<ChannelClient> client_;
  const unsigned depth_;
  std::string message_;
  std::vector<Bytes> segments_;
  std::vector<Buffer> bodies_;  // Where they lie in the client's memory, if they do.
};

using Tensor = std::array<std::int32_t, 16>;
inline constexpr std::array<std::int64_t, 2> kShape = {1, 16};

// The inputs of models/simple.
struct Inputs {
  Tensor first{};
  Tensor second{};
  Inputs() {
    for (std::int32_t i = 0; i < 16; ++i) {
      first[static_cast<std::size_t>(i)] = i;
      second[static_cast<std::size_t>(i)] = 1;
    }
  }
  std::vector<EngineLoop::Input> for_engine() const {
    return {{"INPUT0", "INT32", {1, 16}, std::as_bytes(std::span(first))},
            {"INPUT1", "INT32", {1, 16}, std::as_bytes(std::span(second))}};
  }
};

// Runs a second of ONNX Runtime alone: one thread, input tensors made once, outputs made by each run.
class BareLoop {
 public:
  BareLoop(const ort::Library& library, const std::string& model_file) {
    ort::SessionOptionsHandle options;
    Check(ort::Take(ort::Api().CreateSessionOptions(options.out())));
    Check(ort::Take(ort::Api().SetIntraOpNumThreads(options.get(), 1)));
    Check(ort::Take(ort::Api().SetInterOpNumThreads(options.get(), 1)));
    Check(ort::Take(ort::Api().CreateSession(library.env(), model_file.c_str(), options.get(), session_.out())));
    MakeInput(library, inputs_.first, &values_[0]);
    MakeInput(library, inputs_.second, &values_[1]);
  }

  Sample Run(double seconds) {
    static constexpr const char* kInputs[] = {"INPUT0", "INPUT1"};
    static constexpr const char* kOutputs[] = {"OUTPUT0", "OUTPUT1"};
    const ort::Value* const inputs[] = {values_[0].get(), values_[1].get()};
    const Stopwatch watch;
    std::uint64_t runs = 0;
    for (; watch.before(seconds); ++runs) {
      ort::Value* outputs[2] = {};
      Check(ort::Take(ort::Api().Run(session_.get(), nullptr, kInputs, inputs, 2, kOutputs, 2, outputs)));
      ort::Api().ReleaseValue(outputs[0]);
      ort::Api().ReleaseValue(outputs[1]);
    }
    return watch.Take(runs);
  }

 private:
  static void MakeInput(const ort::Library& library, Tensor& tensor, ort::ValueHandle* value) {
    Check(ort::Take(ort::Api().CreateTensorWithDataAsOrtValue(library.host_memory(), tensor.data(), sizeof(tensor),
                                                              kShape.data(), kShape.size(), ort::ElementType::kInt32,
                                                              value->out())));
  }

  ort::SessionHandle session_;
  Inputs inputs_;
  std::array<ort::ValueHandle, 2> values_;
};

inline double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

}  // namespace triton_lite::bench
