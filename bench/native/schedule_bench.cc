// What the dynamic batcher costs and gives. Arguments: libonnxruntime.so, models/simple's model, an MLP (FP32 INPUT
// [-1,784] to OUTPUT [-1,10]), rounds, seconds a round. Everything is compared within the run:
//   * a request through the scheduler alone (identity backend, 64 in flight) against a bare run of `simple`;
//   * the MLP with dynamic batching against without, 64 in flight, one thread in ONNX Runtime;
//   * the latency of a high priority while a low one floods the model, with priorities and without;
//   * two models that are flooded at once: what each keeps of its rate alone.
#include <atomic>
#include <thread>

#include "backends/backend.h"
#include "loops.h"
#include "schedule/scheduler.h"

using namespace triton_lite;
using namespace triton_lite::bench;

namespace {

constexpr int kDepth = 64;

TensorSpec Tensor(const std::string& name, DataType datatype, std::int64_t dim) {
  TensorSpec spec;
  spec.name = name;
  spec.datatype = datatype;
  spec.dims = Shape{dim};
  return spec;
}

ModelSpec Model(const std::string& name, const std::string& file) {
  ModelSpec spec;
  spec.name = name;
  spec.backend = file.empty() ? "identity" : "onnxruntime";
  spec.model_file = file;
  InstanceGroupSpec group;
  group.name = name + "_0";
  spec.instance_groups = {group};
  return spec;
}

ModelSpec Identity() {
  ModelSpec spec = Model("identity", "");
  spec.max_batch_size = 64;
  spec.inputs = {Tensor("INPUT0", DataType::kInt32, 16), Tensor("INPUT1", DataType::kInt32, 16)};
  spec.outputs = {Tensor("OUTPUT0", DataType::kInt32, 16), Tensor("OUTPUT1", DataType::kInt32, 16)};
  return spec;
}

ModelSpec Mlp(const std::string& name, const std::string& file, bool batches) {
  ModelSpec spec = Model(name, file);
  spec.max_batch_size = 64;
  spec.inputs = {Tensor("INPUT", DataType::kFp32, 784)};
  spec.outputs = {Tensor("OUTPUT", DataType::kFp32, 10)};
  spec.parameters["intra_op_thread_count"] = "1";
  if (batches) {
    spec.scheduler.emplace<DynamicBatchingSpec>();
  }
  return spec;
}

class HeapMemory : public OutputMemory {
 public:
  Result<Buffer> Allocate(std::size_t byte_size) override { return AllocateHeap(byte_size); }
};

// How many requests are in flight. The loop that sends them is woken once for half of them, not for each.
class InFlight {
 public:
  void Enter() {
    if (count_.fetch_add(1) + 1 == kDepth) {
      for (int seen = count_; seen > kDepth / 2; seen = count_) {
        count_.wait(seen);
      }
    }
  }
  void Leave() {
    if (count_.fetch_sub(1) - 1 == kDepth / 2) {
      count_.notify_one();
    }
  }

 private:
  std::atomic<int> count_ = 0;
};

class CountingResponder : public Responder {
 public:
  explicit CountingResponder(InFlight* in_flight) : in_flight_(in_flight) {}
  OutputMemory& memory() override { return memory_; }
  void Send(InferenceResponse, bool last) override {
    if (last) {
      in_flight_->Leave();
    }
  }
  void Fail(Status status) override { Die(status.message()); }
  void Finish() override { in_flight_->Leave(); }

 private:
  InFlight* const in_flight_;
  HeapMemory memory_;
};

// Requests to a scheduler, without the engine around it.
class SchedulerLoop {
 public:
  SchedulerLoop() {
    const ModelSpec spec = Identity();
    model_ = Value(FindBackend("identity")->Open(spec));
    Check(model_->Configure(spec));
  }

  RequestPtr Request() {
    auto request = std::make_unique<InferenceRequest>();
    request->cancel = cancel_;
    request->responder = std::make_unique<CountingResponder>(&in_flight_);
    for (const char* name : {"INPUT0", "INPUT1"}) {
      InputTensor& input = request->inputs.emplace_back();
      input.name = name;
      input.datatype = DataType::kInt32;
      input.shape = input.model_shape = Shape{1, 16};
      input.data = {reinterpret_cast<std::byte*>(inputs_.first.data()), sizeof(inputs_.first), nullptr};
    }
    for (const char* name : {"OUTPUT0", "OUTPUT1"}) {
      request->outputs.emplace_back().name = name;
    }
    return request;
  }

  // The same work without a scheduler.
  Sample RunBare(double seconds) {
    const auto instance = Instance();
    const Stopwatch watch;
    std::uint64_t count = 0;
    for (; watch.before(seconds); ++count) {
      const RequestPtr request = Request();
      in_flight_.Enter();
      InferenceRequest* const view = request.get();
      instance->Execute({&view, 1});
    }
    return watch.Take(count);
  }

  Sample Run(const ModelSpec& spec, bool inline_runs, double seconds) {
    Instances instances;
    instances.push_back(Instance());
    const auto scheduler = MakeBatchScheduler(spec, std::move(instances));
    const Stopwatch watch;
    std::uint64_t count = 0;
    for (; watch.before(seconds); ++count) {
      RequestPtr request = Request();
      scheduler->Enqueue(std::move(request), {.may_run_inline = inline_runs});
      in_flight_.Enter();
    }
    scheduler->Drain();
    return watch.Take(count);
  }

 private:
  std::unique_ptr<BackendInstance> Instance() { return Value(model_->CreateInstance({"identity_0_0"})); }

  Inputs inputs_;
  const std::shared_ptr<CancelToken> cancel_ = std::make_shared<CancelToken>();
  InFlight in_flight_;
  std::unique_ptr<BackendModel> model_;
};

double Nanoseconds(const Sample& sample) { return 1e9 / sample.rate; }

void Overhead(BareLoop& simple, int rounds, double seconds) {
  SchedulerLoop loop;
  DynamicBatchingSpec batching;
  ModelSpec plain = Identity();
  plain.scheduler = batching;
  batching.priority_levels = 2;
  batching.default_priority_level = 2;
  batching.default_queue_policy.default_timeout_microseconds = 60'000'000;
  ModelSpec policies = Identity();
  policies.scheduler = batching;
  const struct {
    const char* what;
    const ModelSpec& spec;
    bool inline_runs;
  } rows[] = {{"as the engine calls it", plain, true},
              {"through the queue", plain, false},
              {"through the queue, with priorities and timeouts", policies, false}};
  for (const auto& row : rows) {
    std::vector<double> cost;
    std::vector<double> cpu;
    std::vector<double> reference;
    std::vector<double> reference_cpu;
    for (int i = 0; i < rounds; ++i) {
      const Sample bare = loop.RunBare(seconds);
      const Sample ours = loop.Run(row.spec, row.inline_runs, seconds);
      cost.push_back(Nanoseconds(ours) - Nanoseconds(bare));
      cpu.push_back(ours.cpu_nanoseconds - bare.cpu_nanoseconds);
      const Sample run = simple.Run(seconds);
      reference.push_back(Nanoseconds(run));
      reference_cpu.push_back(run.cpu_nanoseconds);
    }
    std::printf(
        "scheduling a request, %s: %.2f us (CPU %.2f us); a bare run of simple %.2f us (CPU %.2f us); ratio %.2f "
        "(CPU %.2f)\n",
        row.what, Median(cost) / 1000, Median(cpu) / 1000, Median(reference) / 1000, Median(reference_cpu) / 1000,
        Median(cost) / Median(reference), Median(cpu) / Median(reference_cpu));
  }
}

// A flood that goes on while something else is measured.
class Flood {
 public:
  explicit Flood(EngineLoop* loop)
      : thread_([this, loop] {
          while (!stop_) {
            loop->Run(0.5);
          }
        }) {}
  ~Flood() {
    stop_ = true;
    thread_.join();
  }

 private:
  std::atomic<bool> stop_ = false;
  std::thread thread_;
};

double Percentile(std::vector<double> values, double share) {
  std::sort(values.begin(), values.end());
  return values[static_cast<std::size_t>(share * static_cast<double>(values.size() - 1))];
}

void Throughput(Engine& engine, const std::vector<EngineLoop::Input>& image, int rounds, double seconds) {
  EngineLoop plain(engine, "mlp", image);
  EngineLoop batched(engine, "mlp_batched", image);
  std::vector<double> ratios;
  std::vector<double> rates;
  for (int i = 0; i < rounds; ++i) {
    const double without = plain.Run(seconds).rate;
    rates.push_back(batched.Run(seconds).rate);
    ratios.push_back(rates.back() / without);
  }
  std::printf("MLP 784-512-512-10, 64 in flight: %.0f/s with dynamic batching, ratio to without %.2f (lowest %.2f)\n",
              Median(rates), Median(ratios), *std::min_element(ratios.begin(), ratios.end()));
}

void Priorities(Engine& engine, const std::vector<EngineLoop::Input>& image, int count) {
  for (const char* model : {"mlp_priorities", "mlp_queue"}) {
    EngineLoop high(engine, model, image, 1, 1);
    EngineLoop low(engine, model, image, 256, 2);
    high.Latencies(100);
    const std::vector<double> alone = high.Latencies(count);
    std::vector<double> flooded;
    {
      const Flood flood(&low);
      flooded = high.Latencies(count);
    }
    std::printf("high priority of %s: p50 %.0f us, p99 %.0f us alone; p50 %.0f us, p99 %.0f us under a flood of 256\n",
                model, Percentile(alone, 0.5) / 1000, Percentile(alone, 0.99) / 1000, Percentile(flooded, 0.5) / 1000,
                Percentile(flooded, 0.99) / 1000);
  }
}

void TwoModels(Engine& engine, const std::vector<EngineLoop::Input>& image, int rounds, double seconds) {
  EngineLoop first(engine, "mlp_batched", image);
  EngineLoop second(engine, "mlp_second", image);
  std::vector<double> first_shares;
  std::vector<double> second_shares;
  for (int i = 0; i < rounds; ++i) {
    const double first_alone = first.Run(seconds).rate;
    const double second_alone = second.Run(seconds).rate;
    Sample beside;
    std::thread other([&] { beside = second.Run(seconds); });
    first_shares.push_back(first.Run(seconds).rate / first_alone);
    other.join();
    second_shares.push_back(beside.rate / second_alone);
  }
  std::printf("two flooded models: %.2f and %.2f of their rates alone (lowest %.2f and %.2f)\n", Median(first_shares),
              Median(second_shares), *std::min_element(first_shares.begin(), first_shares.end()),
              *std::min_element(second_shares.begin(), second_shares.end()));
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) {
    Die("usage: schedule_bench LIBONNXRUNTIME SIMPLE MLP [ROUNDS] [SECONDS]");
  }
  const int rounds = argc > 4 ? std::atoi(argv[4]) : 9;
  const double seconds = argc > 5 ? std::atof(argv[5]) : 0.5;
  ConfigureOnnxRuntime(argv[1], 1);
  BareLoop simple(*Value(ort::Library::Get({})), argv[2]);
  Overhead(simple, rounds, seconds);

  Engine engine;
  const std::string mlp = argv[3];
  Serve(engine, Mlp("mlp", mlp, false));
  Serve(engine, Mlp("mlp_batched", mlp, true));
  Serve(engine, Mlp("mlp_second", mlp, true));
  ModelSpec queue = Mlp("mlp_queue", mlp, true);
  queue.max_batch_size = 16;
  Serve(engine, queue);
  queue.name = "mlp_priorities";
  std::get<DynamicBatchingSpec>(queue.scheduler).priority_levels = 2;
  std::get<DynamicBatchingSpec>(queue.scheduler).default_priority_level = 2;
  Serve(engine, queue);
  std::vector<float> pixels(784);
  for (std::size_t i = 0; i < pixels.size(); ++i) {
    pixels[i] = static_cast<float>(i % 16) / 16;
  }
  const std::vector<EngineLoop::Input> image = {{"INPUT", "FP32", {1, 784}, std::as_bytes(std::span(pixels))}};
  Throughput(engine, image, rounds, seconds);
  Priorities(engine, image, static_cast<int>(2000 * seconds));
  TwoModels(engine, image, rounds, seconds);
  return 0;
}
