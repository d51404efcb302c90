// CheckSignature: configurations against a file's signature. The texts are those of NVIDIA's tests of model loading.
#include "backends/ort_signature.h"
#include "backends/requests.h"
#include "check.h"

using namespace triton_lite;
using namespace triton_lite::testing;
using ort::CheckSignature;

namespace {

SignatureTensor InFile(std::string name, DataType datatype, Shape dims, bool optional = false) {
  return {std::move(name), datatype, std::move(dims), optional, true};
}

ModelSignature File() {
  ModelSignature signature;
  signature.inputs = {InFile("A", DataType::kFp32, {-1, 4}), InFile("B", DataType::kBytes, {-1, -1})};
  signature.outputs = {InFile("C", DataType::kFp32, {-1, 4})};
  signature.known = true;
  return signature;
}

ModelSpec Model() {
  ModelSpec spec;
  spec.name = std::string("m");
  spec.max_batch_size = 8;
  spec.inputs = {Tensor("A", DataType::kFp32, {4}), Tensor("B", DataType::kBytes, {7})};
  spec.outputs = {Tensor("C", DataType::kFp32, {4})};
  return spec;
}

std::string Refusal(const ModelSpec& spec, const ModelSignature& signature = File()) {
  return CheckSignature(spec, signature).message();
}

}  // namespace

TEST(AcceptsWhatFits) { CHECK_EQ(Refusal(Model()), ""); }

TEST(CountsInputs) {
  ModelSpec spec = Model();
  spec.inputs.pop_back();
  CHECK_EQ(Refusal(spec), "unable to load model 'm', configuration expects 1 inputs, model provides 2");
  SequenceBatchingSpec batching;  // Its controls and states are inputs of the file, not of the configuration.
  SequenceStateSpec& state = batching.state.emplace_back();
  state.input_name = std::string("B");
  state.output_name = std::string("C");
  state.datatype = DataType::kBytes;
  spec.scheduler = batching;
  CHECK_EQ(Refusal(spec),
           "unable to load model 'm', configuration expects datatype TYPE_STRING for output state 'C', model provides "
           "TYPE_FP32");
}

SequenceControlSpec Control(std::string name, SequenceControlKind kind) {
  SequenceControlSpec control;
  control.input_name = std::move(name);
  control.kind = kind;
  return control;
}

TEST(ComparesControls) {
  ModelSignature signature = File();
  signature.inputs.push_back(InFile("START", DataType::kInt32, {-1, 1}));
  signature.inputs.push_back(InFile("ID", DataType::kUint64, {-1, 2}));
  ModelSpec spec = Model();
  SequenceBatchingSpec batching;
  batching.control_input = {Control("START", SequenceControlKind::kStart)};
  batching.control_input[0].int32_false_true = {0, 1};
  spec.scheduler = batching;
  CHECK_EQ(Refusal(spec, signature), "unable to load model 'm', configuration expects 3 inputs, model provides 4");
  batching.control_input.push_back(Control("ID", SequenceControlKind::kCorrelationId));
  batching.control_input[1].datatype = DataType::kUint64;
  spec.scheduler = batching;
  CHECK_EQ(Refusal(spec, signature),
           "unable to load model 'm', sequence control 'ID' in model has dims [2] but dims [1] is expected");
  signature.inputs.back().dims = {-1, 1};
  CHECK_EQ(Refusal(spec, signature), "");
  batching.control_input[0].int32_false_true.clear();
  batching.control_input[0].fp32_false_true = {0, 1};
  spec.scheduler = batching;
  CHECK_EQ(Refusal(spec, signature),
           "unable to load model 'm', sequence control 'START', the model expects data-type INT32 but the model "
           "configuration specifies data-type TYPE_FP32");
  batching.control_input[0].input_name = std::string("X");
  spec.scheduler = batching;
  CHECK_EQ(Refusal(spec, signature),
           "configuration specified sequence control 'X', but model does not provide that input");
}

TEST(ComparesNames) {
  ModelSpec spec = Model();
  spec.inputs[0].name = std::string("X");
  CHECK_EQ(Refusal(spec), "unexpected inference input 'X', allowed inputs are: A, B");
  spec = Model();
  spec.outputs[0].name = std::string("X");
  CHECK_EQ(Refusal(spec), "unexpected inference output 'X', allowed outputs are: C");
}

TEST(ComparesDatatypes) {
  ModelSpec spec = Model();
  spec.inputs[1].datatype = DataType::kInt32;
  CHECK_EQ(Refusal(spec),
           "unable to load model 'm', configuration expects datatype TYPE_INT32 for input 'B', model provides "
           "TYPE_BYTES");
  spec = Model();
  spec.outputs[0].datatype = DataType::kBytes;
  CHECK_EQ(Refusal(spec),
           "unable to load model 'm', configuration expects datatype TYPE_STRING for output 'C', model provides "
           "TYPE_FP32");
}

TEST(ComparesDimensions) {
  ModelSpec spec = Model();
  spec.inputs[0].dims = {5};
  CHECK_EQ(Refusal(spec),
           "model 'm', tensor 'A': the model expects 2 dimensions (shape [-1,4]) but the model configuration specifies "
           "2 dimensions (an initial batch dimension because max_batch_size > 0 followed by the explicit tensor shape, "
           "making complete shape [-1,5])");
  spec.max_batch_size = 0;
  CHECK_EQ(Refusal(spec),
           "model 'm', tensor 'A': the model expects 2 dimensions (shape [-1,4]) but the model configuration specifies "
           "1 dimensions (shape [5])");
}

TEST(VariableDimensionsOfOutputsMustBeVariable) {
  ModelSignature signature = File();
  signature.outputs[0].dims = {-1, -1};
  CHECK(Refusal(Model(), signature).find("tensor 'C': the model expects 2 dimensions (shape [-1,-1])") !=
        std::string::npos);
}

TEST(ReshapeStandsForDims) {
  ModelSpec spec = Model();
  spec.inputs[0].dims = {2, 2};
  spec.inputs[0].reshape = Shape{4};
  CHECK_EQ(Refusal(spec), "");
}

TEST(BatchingNeedsAVariableFirstDimension) {
  ModelSignature signature = File();
  signature.inputs[0].dims = {1, 4};
  CHECK_EQ(Refusal(Model(), signature),
           "model 'm', tensor 'A': for the model to support batching the shape should have at least 1 dimension and "
           "the first dimension must be -1; but shape expected by the model is [1,4]");
}

TEST(OptionalInputsNeedAModelThatDoesNotBatch) {
  ModelSpec spec = Model();
  spec.inputs[1].optional = true;
  ModelSignature signature = File();
  signature.inputs[1].optional = true;
  CHECK_EQ(Refusal(spec, signature),
           "unable to load model 'm', optional input 'B' is not supported for models that support batching");
  spec.max_batch_size = 0;
  spec.inputs[0].dims = {-1, 4};
  spec.inputs[1].dims = {-1, 2};
  spec.outputs[0].dims = {-1, 4};
  CHECK_EQ(Refusal(spec, signature), "");
}

TEST(ScalarsHaveDimensionsOfOne) {
  ModelSignature signature = File();
  signature.inputs[0].dims = {};
  ModelSpec spec = Model();
  spec.max_batch_size = 0;
  spec.inputs[1].dims = {-1, 2};
  spec.outputs[0].dims = {-1, 4};
  spec.inputs[0].dims = {1, 1};
  CHECK_EQ(Refusal(spec, signature), "");
  spec.inputs[0].dims = {2};
  CHECK_EQ(Refusal(spec, signature),
           "unable to load model 'm', scalar tensor 'A', should only provide 1 in the model configuration when the "
           "model doesn't support batching. Model configuration provided: [2].");
}

TEST(RaggedInputsAreFlatInTheFile) {
  ModelSpec spec = Model();
  spec.inputs[0].allow_ragged_batch = true;
  CHECK_EQ(Refusal(spec),
           "unable to load model 'm', configuration expects model provides input with shape [-1]  for ragged input "
           "'A', model provides [-1,4]");
  ModelSignature signature = File();
  signature.inputs[0].dims = {-1};
  CHECK_EQ(Refusal(spec, signature), "");
}

TEST(BatchInputsAreInputsOfTheFile) {
  ModelSpec spec = Model();
  spec.inputs.pop_back();
  spec.batch_input = {{BatchInputKind::kElementCount, {"B"}, DataType::kInt32, {"A"}}};
  CHECK_EQ(Refusal(spec), "");
}

TEST(ScatteredOutputsHaveAnyShape) {
  ModelSpec spec = Model();
  spec.outputs[0].dims = {-1, 3};
  CHECK(Refusal(spec) != "");
  spec.batch_output = {{{"C"}, {"A"}}};
  CHECK_EQ(Refusal(spec), "");
}

TEST_MAIN()
