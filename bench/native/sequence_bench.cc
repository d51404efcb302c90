// What the sequence batcher adds to a request: identity models, 64 requests in flight from one thread, of 64 sequences
// or of 10,000 that live at once, against a bare one-thread loop over ONNX Runtime's C Run, in alternating rounds.
// Arguments: libonnxruntime.so, the model of the bare loop (models/simple), rounds, seconds a round.
// Shows the CPU time of all threads for one request: its making, both ends of the scheduler, the identity backend.
#include <atomic>
#include <thread>

#include "loops.h"
#include "schedule/scheduler.h"

using namespace triton_lite;
using namespace triton_lite::bench;

namespace {

constexpr std::uint64_t kDepth = 64;

SequenceControlSpec Flag(const char* name, SequenceControlKind kind) {
  SequenceControlSpec control;
  control.input_name = name;
  control.kind = kind;
  control.int32_false_true = {0, 1};
  return control;
}

TensorSpec Vector(const char* name) {
  TensorSpec spec;
  spec.name = name;
  spec.datatype = DataType::kInt32;
  spec.dims = Shape{16};
  return spec;
}

// `slots`: sequences at once.
ModelSpec Sequences(bool oldest, std::int32_t slots) {
  ModelSpec spec;
  spec.name = "pass";
  spec.backend = "identity";
  spec.max_batch_size = oldest ? 64 : slots;
  spec.inputs = {Vector("INPUT0")};
  spec.outputs = {Vector("OUTPUT0")};
  SequenceBatchingSpec batching;
  batching.max_sequence_idle_microseconds = 1'000'000'000;
  batching.control_input = {Flag("START", SequenceControlKind::kStart), Flag("END", SequenceControlKind::kEnd),
                            Flag("READY", SequenceControlKind::kReady)};
  if (oldest) {
    OldestStrategySpec strategy;
    strategy.max_candidate_sequences = slots;
    batching.strategy = strategy;
  }
  spec.scheduler = std::move(batching);
  return spec;
}

class Heap final : public OutputMemory {
 public:
  Result<Buffer> Allocate(std::size_t byte_size) override { return AllocateHeap(byte_size); }
};

class CountingResponder final : public Responder {
 public:
  explicit CountingResponder(std::atomic<std::uint64_t>* answered) : answered_(answered) {}
  OutputMemory& memory() override { return memory_; }
  void Send(InferenceResponse, bool) override { answered_->fetch_add(1, std::memory_order_release); }
  void Fail(Status status) override { Die(status.message()); }
  void Finish() override {}

 private:
  std::atomic<std::uint64_t>* const answered_;
  Heap memory_;
};

class SchedulerLoop {
 public:
  SchedulerLoop(const ModelSpec& spec, std::uint64_t sequences, bool may_run_inline)
      : sequences_(sequences), hint_{.may_run_inline = may_run_inline} {
    backend_ = Value(FindBackend("identity")->Open(spec));
    Check(backend_->Configure(spec));
    Instances instances;
    instances.push_back(Value(backend_->CreateInstance({})));
    scheduler_ = MakeSequenceScheduler(spec, std::move(instances), {});
  }

  // In rounds: each sequence lives as long as the loop.
  Sample Run(double seconds) {
    for (; sent_ < sequences_; ++sent_) {
      Send(kSequenceStart);
    }
    const std::uint64_t before = sent_;
    const Stopwatch watch;
    while (watch.before(seconds)) {
      for (int i = 0; i < 256; ++i, ++sent_) {
        Send(0);
      }
    }
    Wait(0);
    return watch.Take(sent_ - before);
  }

 private:
  void Send(std::uint32_t flags) {
    Wait(kDepth - 1);
    auto request = std::make_unique<InferenceRequest>();
    request->correlation_id = sent_ % sequences_ + 1;
    request->flags = flags;
    request->cancel = cancel_;
    InputTensor input;
    input.name = "INPUT0";
    input.datatype = DataType::kInt32;
    input.shape = kShape_;
    input.model_shape = kShape_;
    input.data = {reinterpret_cast<std::byte*>(data_.data()), sizeof(data_), nullptr};
    request->inputs.push_back(std::move(input));
    request->outputs.emplace_back().name = "OUTPUT0";
    request->responder = std::make_unique<CountingResponder>(&answered_);
    scheduler_->Enqueue(std::move(request), hint_);
  }

  void Wait(std::uint64_t most) {
    while (sent_ - answered_.load(std::memory_order_acquire) > most) {
      std::this_thread::yield();
    }
  }

  const std::uint64_t sequences_;
  const EnqueueHint hint_;
  const Shape kShape_{1, 16};
  Tensor data_{};
  const std::shared_ptr<CancelToken> cancel_ = std::make_shared<CancelToken>();
  std::atomic<std::uint64_t> answered_{0};
  std::uint64_t sent_ = 0;
  std::unique_ptr<BackendModel> backend_;
  std::unique_ptr<Scheduler> scheduler_;
};

void Compare(const char* what, const ModelSpec& spec, std::uint64_t sequences, bool may_run_inline, BareLoop& bare,
             int rounds, double seconds) {
  SchedulerLoop loop(spec, sequences, may_run_inline);
  loop.Run(seconds / 4);
  std::vector<double> ours;
  std::vector<double> reference;
  std::vector<double> rates;
  for (int i = 0; i < rounds; ++i) {
    const Sample sample = loop.Run(seconds);
    ours.push_back(sample.cpu_nanoseconds);
    rates.push_back(sample.rate);
    reference.push_back(bare.Run(seconds).cpu_nanoseconds);
  }
  std::printf("%s, %llu sequences: %.0f/s; CPU us each %.2f, bare run %.2f, ratio %.2f\n", what,
              static_cast<unsigned long long>(sequences), Median(rates), Median(ours) / 1000, Median(reference) / 1000,
              Median(ours) / Median(reference));
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    Die("usage: sequence_bench LIBONNXRUNTIME MODEL [ROUNDS] [SECONDS]");
  }
  const int rounds = argc > 3 ? std::atoi(argv[3]) : 9;
  const double seconds = argc > 4 ? std::atof(argv[4]) : 0.5;
  ConfigureOnnxRuntime(argv[1], 1);
  BareLoop bare(*Value(ort::Library::Get({})), argv[2]);
  Compare("oldest, on the caller's thread", Sequences(true, 64), 64, true, bare, rounds, seconds);
  Compare("oldest", Sequences(true, 64), 64, false, bare, rounds, seconds);
  Compare("oldest", Sequences(true, 10'000), 10'000, false, bare, rounds, seconds);
  Compare("direct", Sequences(false, 64), 64, false, bare, rounds, seconds);
  return 0;
}
