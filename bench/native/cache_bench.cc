// What a hit of the local response cache costs: 1 KB in and out of an identity model through the whole engine of this
// process (decode, validate, look up, answer, encode), 64 in flight from one thread, against a bare one-thread loop
// over ONNX Runtime's C Run on models/simple, in alternating rounds. The second line is the same model without the
// cache. Arguments: libonnxruntime.so, the model of the bare loop, rounds, seconds a round.
#include "loops.h"

using namespace triton_lite;
using namespace triton_lite::bench;

namespace {

constexpr std::int64_t kElements = 256;

ModelSpec Identity(const char* name, bool cached) {
  TensorSpec input;
  input.name = "INPUT0";
  input.datatype = DataType::kFp32;
  input.dims = Shape{kElements};
  TensorSpec output = input;
  output.name = "OUTPUT0";
  ModelSpec spec;
  spec.name = name;
  spec.backend = "identity";
  spec.inputs = {input};
  spec.outputs = {output};
  spec.response_cache = cached;
  return spec;
}

void Compare(const char* what, EngineLoop& engine, BareLoop& bare, int rounds, double seconds) {
  engine.Run(seconds / 4);  // The first request fills the cache.
  std::vector<double> ours;
  std::vector<double> reference;
  for (int i = 0; i < rounds; ++i) {
    ours.push_back(engine.Run(seconds).cpu_nanoseconds);
    reference.push_back(bare.Run(seconds).cpu_nanoseconds);
  }
  std::printf("%s: CPU us each %.2f, bare run %.2f, ratio %.2f\n", what, Median(ours) / 1000, Median(reference) / 1000,
              Median(ours) / Median(reference));
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    Die("usage: cache_bench LIBONNXRUNTIME MODEL [ROUNDS] [SECONDS]");
  }
  const int rounds = argc > 3 ? std::atoi(argv[3]) : 9;
  const double seconds = argc > 4 ? std::atof(argv[4]) : 0.5;
  ConfigureOnnxRuntime(argv[1], 1);
  BareLoop bare(*Value(ort::Library::Get({})), argv[2]);
  EngineOptions options;
  options.local_cache_byte_size = 1 << 20;
  Engine engine(options);
  Serve(engine, Identity("cached", true));
  Serve(engine, Identity("asked", false));
  const std::vector<float> values(kElements, 1.5F);
  const std::vector<EngineLoop::Input> inputs = {{"INPUT0", "FP32", {kElements}, std::as_bytes(std::span(values))}};
  EngineLoop hits(engine, "cached", inputs);
  EngineLoop runs(engine, "asked", inputs);
  Compare("hit of 1 KB", hits, bare, rounds, seconds);
  Compare("without the cache", runs, bare, rounds, seconds);
  return 0;
}
