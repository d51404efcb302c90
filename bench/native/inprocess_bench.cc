// Requests through the whole engine of this process (decode, validate, schedule, ONNX Runtime, encode), 64 in flight
// from one thread, against a bare one-thread loop over ONNX Runtime's C Run on the same model, in alternating rounds.
// Arguments: libonnxruntime.so, the model (INT32 [-1,16] INPUT0 and INPUT1 to OUTPUT0 and OUTPUT1), rounds, seconds a
// round. Also shows the CPU time of the whole process for one request, which other load on the machine does not change;
// the last lines are those of an identity model of the same tensors: what a request costs outside ONNX Runtime.
#include <poll.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "backends/ort_handles.h"
#include "backends/ort_library.h"
#include "channel/client.h"
#include "engine/engine.h"
#include "wire/infer_message.h"

using namespace triton_lite;

namespace {

constexpr unsigned kDepth = 64;
constexpr std::array<std::int64_t, 2> kShape = {1, 16};
using Tensor = std::array<std::int32_t, 16>;

[[noreturn]] void Die(const std::string& text) {
  std::fprintf(stderr, "%s\n", text.c_str());
  std::exit(1);
}

void Check(const Status& status) {
  if (!status.ok()) {
    Die(status.message());
  }
}

template <typename T>
T Value(Result<T> result) {
  Check(result.status());
  return *std::move(result);
}

TensorSpec Spec(const char* name) {
  TensorSpec spec;
  spec.name = name;
  spec.datatype = DataType::kInt32;
  spec.dims = Shape{16};
  return spec;
}

ModelSpec Simple(const std::string& name, const std::string& model_file, std::int32_t instances, bool dynamic) {
  ModelSpec spec;
  spec.name = name;
  spec.backend = model_file.empty() ? "identity" : "onnxruntime";
  spec.model_file = model_file;
  spec.max_batch_size = 8;
  spec.inputs = {Spec("INPUT0"), Spec("INPUT1")};
  spec.outputs = {Spec("OUTPUT0"), Spec("OUTPUT1")};
  InstanceGroupSpec group;
  group.name = name + "_0";
  group.count = instances;
  spec.instance_groups = {group};
  if (dynamic) {
    spec.scheduler.emplace<DynamicBatchingSpec>();
  }
  return spec;
}

void Serve(Engine& engine, const ModelSpec& spec) {
  engine.Publish(spec.name, {{1, Value(engine.Load(spec, {}))}}, {});
}

// What a round came to.
struct Sample {
  double rate = 0;             // A second.
  double cpu_nanoseconds = 0;  // For each, in all threads.
};

std::uint64_t CpuNanoseconds() {
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

struct Inputs {
  Tensor first{};
  Tensor second{};
  Inputs() {
    for (std::int32_t i = 0; i < 16; ++i) {
      first[static_cast<std::size_t>(i)] = i;
      second[static_cast<std::size_t>(i)] = 1;
    }
  }
};

// Requests a second through the engine.
class EngineLoop {
 public:
  EngineLoop(Engine& engine, const std::string& model) : client_(MakeDirectClient(&engine)) {
    const InferRequestInput inputs[] = {{"INPUT0", "INT32", kShape, {}}, {"INPUT1", "INT32", kShape, {}}};
    wire::InferRequestBuilder builder;
    builder.model_name = model;
    builder.inputs = inputs;
    message_ = wire::EncodeInferRequest(builder);
    segments_ = {std::as_bytes(std::span(inputs_.first)), std::as_bytes(std::span(inputs_.second))};
  }

  Sample Run(double seconds) {
    const Stopwatch watch;
    std::uint64_t answered = 0;
    std::uint64_t sent = 0;
    while (watch.before(seconds)) {
      for (; sent - answered < kDepth; ++sent) {
        Value(client_->Send(Method::kModelInfer, {message_, segments_}));
      }
      answered += Take();
    }
    const Sample sample = watch.Take(answered);
    while (answered < sent) {
      answered += Take();
    }
    return sample;
  }

 private:
  using InferRequestInput = wire::InferRequestBuilder::Input;

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
  const Inputs inputs_;
  std::string message_;
  std::vector<Bytes> segments_;
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

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

// The medians of one side's rounds.
struct Rounds {
  std::vector<double> rates;
  std::vector<double> cpu;
  void Add(const Sample& sample) {
    rates.push_back(sample.rate);
    cpu.push_back(sample.cpu_nanoseconds);
  }
};

void Compare(const char* what, EngineLoop& engine, BareLoop& bare, int rounds, double seconds) {
  Rounds ours;
  Rounds reference;
  std::vector<double> ratios;
  engine.Run(seconds / 4);  // Until the model is known to be quick.
  for (int i = 0; i < rounds; ++i) {
    ours.Add(engine.Run(seconds));
    reference.Add(bare.Run(seconds));
    ratios.push_back(ours.rates.back() / reference.rates.back());
  }
  std::printf("%s: engine %.0f/s, bare %.0f/s, ratio %.2f (lowest %.2f); CPU us each %.2f / %.2f\n", what,
              Median(ours.rates), Median(reference.rates), Median(ratios),
              *std::min_element(ratios.begin(), ratios.end()), Median(ours.cpu) / 1000, Median(reference.cpu) / 1000);
}

void Overhead(const char* what, EngineLoop& engine, int rounds, double seconds) {
  Rounds ours;
  engine.Run(seconds / 4);
  for (int i = 0; i < rounds; ++i) {
    ours.Add(engine.Run(seconds));
  }
  std::printf("%s, identity: %.0f/s; CPU us each %.2f\n", what, Median(ours.rates), Median(ours.cpu) / 1000);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    Die("usage: inprocess_bench LIBONNXRUNTIME MODEL [ROUNDS] [SECONDS]");
  }
  const std::string model_file = argv[2];
  const int rounds = argc > 3 ? std::atoi(argv[3]) : 9;
  const double seconds = argc > 4 ? std::atof(argv[4]) : 0.5;
  ConfigureOnnxRuntime(argv[1], 1);
  Engine engine;
  Serve(engine, Simple("default", model_file, 1, false));
  Serve(engine, Simple("dynamic", model_file, 1, true));
  Serve(engine, Simple("pass", "", 1, false));
  Serve(engine, Simple("pass_dynamic", "", 1, true));
  BareLoop bare(*Value(ort::Library::Get({})), model_file);
  EngineLoop one(engine, "default");
  Compare("default scheduler", one, bare, rounds, seconds);
  EngineLoop batched(engine, "dynamic");
  Compare("dynamic batcher", batched, bare, rounds, seconds);
  EngineLoop pass(engine, "pass");
  Overhead("default scheduler", pass, rounds, seconds);
  EngineLoop pass_batched(engine, "pass_dynamic");
  Overhead("dynamic batcher", pass_batched, rounds, seconds);
  return 0;
}
