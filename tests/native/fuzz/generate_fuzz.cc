// The generate extension: any body for models of several signatures, and an answer of what was read.
//
// The input: a byte that chooses the model, then the body.
#include <string>
#include <vector>

#include "fuzz.h"
#include "wire/generate.h"
#include "wire/json.h"

using namespace triton_lite;
using namespace triton_lite::fuzz;

namespace {

TensorSpec Tensor(std::string name, DataType datatype, Shape dims) {
  TensorSpec tensor;
  tensor.name = std::move(name);
  tensor.datatype = datatype;
  tensor.dims = std::move(dims);
  return tensor;
}

const std::vector<ModelSpec>& Models() {
  static const std::vector<ModelSpec> models = [] {
    std::vector<ModelSpec> all(5);
    all[0].inputs = {Tensor("text_input", DataType::kBytes, {-1})};
    all[1].inputs = {Tensor("text_input", DataType::kBytes, {1}), Tensor("n", DataType::kInt32, {2, -1})};
    all[1].max_batch_size = 4;
    all[2].inputs = {Tensor("n", DataType::kFp32, {-1, 3, -1}), Tensor("b", DataType::kBool, {})};
    all[3].inputs = {Tensor("n", DataType::kUint64, {0}), Tensor("h", DataType::kFp16, {-1})};
    all[4].inputs = {Tensor("parameters", DataType::kInt8, {-1})};
    for (ModelSpec& spec : all) {
      spec.name = "model";
    }
    return all;
  }();
  return models;
}

}  // namespace

FUZZ_TARGET(input) {
  const std::vector<ModelSpec>& models = Models();
  const ModelSpec& spec = models[input.Take<std::uint8_t>() % models.size()];
  InferenceRequest request;
  const Status status = wire::DecodeGenerate(spec, AsText(input.TakeRest()), &request);
  if (!status.ok()) {
    HOLDS(!status.message().empty());
    return;
  }
  InferenceResponse response;
  response.parameters = request.parameters;
  for (const InputTensor& tensor : request.inputs) {
    const auto count = ElementCount(tensor.shape);
    HOLDS(spec.FindInput(tensor.name) != nullptr && count.has_value());
    const std::size_t width = ElementByteSize(tensor.datatype);
    HOLDS(width == 0 || tensor.data.size == static_cast<std::size_t>(*count) * width);
    response.outputs.push_back({tensor.name, tensor.datatype, tensor.shape, tensor.data});
  }
  const Result<std::string> json = wire::EncodeGenerate(spec, request, response);
  HOLDS(json.ok());
  wire::JsonDocument document;
  HOLDS(wire::ParseJson(*json, wire::JsonTensors::kNone, &document).ok());
  HOLDS(wire::Root(document).Find("model_name").has_value());
}
