// Requests through the whole engine of this process (decode, validate, schedule, ONNX Runtime, encode), 64 in flight
// from one thread, against a bare one-thread loop over ONNX Runtime's C Run on the same model, in alternating rounds.
// Arguments: libonnxruntime.so, the model (INT32 [-1,16] INPUT0 and INPUT1 to OUTPUT0 and OUTPUT1), rounds, seconds a
// round. Also shows the CPU time of the whole process for one request, which other load on the machine does not change;
// the last lines are those of an identity model of the same tensors: what a request costs outside ONNX Runtime.
#include "loops.h"

using namespace triton_lite;
using namespace triton_lite::bench;

namespace {

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
  const Inputs inputs;
  EngineLoop one(engine, "default", inputs.for_engine());
  Compare("default scheduler", one, bare, rounds, seconds);
  EngineLoop batched(engine, "dynamic", inputs.for_engine());
  Compare("dynamic batcher", batched, bare, rounds, seconds);
  EngineLoop pass(engine, "pass", inputs.for_engine());
  Overhead("default scheduler", pass, rounds, seconds);
  EngineLoop pass_batched(engine, "pass_dynamic", inputs.for_engine());
  Overhead("dynamic batcher", pass_batched, rounds, seconds);
  return 0;
}
