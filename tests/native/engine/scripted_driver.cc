// An engine with scripted models on a channel's socket, for front ends that tests start: scripted_driver SOCKET.
// Serves `script` (scripted_model.h), `plain`, and `ens` and `ens_two` that pass what `script` sends through `plain`.
// Says "ready", then what the models say. Ends when its standard input does.
#include <iostream>
#include <memory>
#include <string>
#include <utility>

#include "engine/engine.h"
#include "engine/fakes.h"
#include "engine/scripted_model.h"

using namespace triton_lite;
using namespace triton_lite::testing;

namespace {

void Publish(Engine& engine, ModelSpec spec, std::unique_ptr<Scheduler> scheduler) {
  const std::string name = spec.name;
  engine.Publish(name, {{1, std::make_shared<const ServedModel>(std::move(spec), nullptr, std::move(scheduler))}}, {});
}

ModelSpec Model(std::string name, TensorSpec input, std::vector<TensorSpec> outputs) {
  ModelSpec spec;
  spec.name = std::move(name);
  spec.inputs = {std::move(input)};
  spec.outputs = std::move(outputs);
  return spec;
}

ModelSpec Ensemble(std::string name, std::vector<TensorSpec> outputs, const EnsembleStepSpec& first,
                   const EnsembleStepSpec& second) {
  ModelSpec spec = Model(std::move(name), Tensor("SCRIPT", DataType::kBytes, {1}), std::move(outputs));
  spec.platform = "ensemble";
  spec.decoupled = true;
  spec.scheduler = EnsembleSpec{{first, second}, 0};
  return spec;
}

void PublishEnsemble(Engine& engine, ModelSpec spec) {
  auto scheduler = MakeEnsembleScheduler(spec, &engine);
  Publish(engine, std::move(spec), std::move(scheduler));
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: scripted_driver SOCKET\n";
    return 2;
  }
  Engine engine;
  const TensorSpec out = Tensor("OUT", DataType::kInt32, {-1});
  const TensorSpec text = Tensor("TEXT", DataType::kBytes, {1});
  ModelSpec script = Model("script", Tensor("SCRIPT", DataType::kBytes, {1}), {out, text});
  script.decoupled = true;
  Publish(engine, std::move(script), std::make_unique<ScriptedScheduler>());
  Publish(engine, Model("plain", Tensor("IN", DataType::kInt32, {-1}), {out}), std::make_unique<PlainScheduler>());
  PublishEnsemble(engine, Ensemble("ens", {out}, {"script", -1, {{"SCRIPT", "SCRIPT"}}, {{"OUT", "mid"}}},
                                   {"plain", -1, {{"IN", "mid"}}, {{"OUT", "OUT"}}}));
  PublishEnsemble(engine, Ensemble("ens_two", {out, Tensor("RAW", DataType::kInt32, {-1}), text},
                                   {"script", -1, {{"SCRIPT", "SCRIPT"}}, {{"OUT", "RAW"}, {"TEXT", "TEXT"}}},
                                   {"plain", -1, {{"IN", "RAW"}}, {{"OUT", "OUT"}}}));
  ChannelServerOptions options;
  options.socket_path = argv[1];
  if (const Status listening = engine.Listen(options); !listening.ok()) {
    std::cerr << listening.message() << '\n';
    return 1;
  }
  Say("ready");
  for (std::string line; std::getline(std::cin, line);) {
  }
  engine.Stop();
  return 0;
}
