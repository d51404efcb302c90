#include "engine/validate.h"

#include <limits>
#include <string>
#include <vector>

#include "check.h"
#include "engine/fakes.h"

using namespace triton_lite;
using namespace triton_lite::testing;

namespace {

const std::string kInt32x16(64, '\1');

InferenceRequest Request(std::vector<InputTensor> inputs) {
  InferenceRequest request;
  request.inputs = std::move(inputs);
  return request;
}

bool Validates(const ModelSpec& spec, InferenceRequest* request) {
  Status in_model;
  return ValidateRequest(*Serve(spec), request, &in_model).ok() && in_model.ok();
}

std::string ErrorOf(const ModelSpec& spec, std::vector<InputTensor> inputs, std::vector<std::string> outputs = {}) {
  InferenceRequest request = Request(std::move(inputs));
  for (std::string& name : outputs) {
    request.outputs.emplace_back().name = std::move(name);
  }
  Status in_model;
  const Status status = ValidateRequest(*Serve(spec), &request, &in_model);
  if (status.ok() && !in_model.ok()) {
    return "in the model: " + in_model.message();
  }
  CHECK(status.ok() || status.code() == Code::kInvalidArgument);
  return status.message();
}

std::string StringElement(const std::string& text, std::uint32_t length) {
  return std::string(reinterpret_cast<const char*>(&length), sizeof(length)) + text;
}

std::string ErrorOfStrings(Shape shape, std::string bytes) {
  return ErrorOf(IdentitySpec(DataType::kBytes, {-1}, 0),
                 {Input("INPUT0", DataType::kBytes, std::move(shape), std::move(bytes))});
}

std::string ErrorOfFloats(Shape dims, Shape shape, std::string bytes) {
  return ErrorOf(IdentitySpec(DataType::kFp32, std::move(dims), 0),
                 {Input("INPUT0", DataType::kFp32, std::move(shape), std::move(bytes))});
}

}  // namespace

TEST(ArrangesInputsInTheModelsOrderAndCompletesTheOutputs) {
  InferenceRequest request = Request(
      {Input("INPUT1", DataType::kInt32, {1, 16}, kInt32x16), Input("INPUT0", DataType::kInt32, {1, 16}, kInt32x16)});
  CHECK(Validates(SimpleSpec(), &request));
  CHECK_EQ(request.inputs[0].name, "INPUT0");
  CHECK_EQ(request.inputs[1].name, "INPUT1");
  CHECK_EQ(request.batch_size, 1u);
  CHECK((request.inputs[0].model_shape == Shape{1, 16}));
  REQUIRE(request.outputs.size() == 2);
  CHECK_EQ(request.outputs[1].name, "OUTPUT1");
}

TEST(TellsMissingInputs) {
  CHECK_EQ(ErrorOf(SimpleSpec(), {Input("INPUT0", DataType::kInt32, {1, 16}, kInt32x16)}),
           "[request id: <id_unknown>] expected 2 inputs but got 1 inputs for model 'simple'. Got input(s) ['INPUT0'], "
           "but missing required input(s) ['INPUT1']. Please provide all required input(s).");
}

TEST(TellsAdditionalInputsInTritonsOrder) {
  const auto tensor = [](const char* name) { return Input(name, DataType::kInt32, {1, 16}, kInt32x16); };
  CHECK_EQ(ErrorOf(SimpleSpec(), {tensor("INPUT0"), tensor("INPUT1"), tensor("INPUT2")}),
           "[request id: <id_unknown>] expected 2 inputs but got 3 inputs for model 'simple'. Got input(s) "
           "['INPUT2','INPUT1','INPUT0'], but missing required input(s) ]. Please provide all required input(s).");
}

TEST(CountsOptionalInputs) {
  ModelSpec spec = SimpleSpec();
  spec.inputs[1].optional = true;
  CHECK_EQ(ErrorOf(spec, {Input("INPUT0", DataType::kInt32, {1, 16}, kInt32x16)}), "");
  CHECK_EQ(ErrorOf(spec, {}),
           "[request id: <id_unknown>] expected number of inputs between 1 and 2 but got 0 inputs for model 'simple'. "
           "Got input(s) [], but missing required input(s) ['INPUT0']. Please provide all required input(s).");
}

TEST(RefusesUnknownNames) {
  CHECK_EQ(ErrorOf(SimpleSpec(), {Input("INPUT0", DataType::kInt32, {1, 16}, kInt32x16),
                                  Input("NOPE", DataType::kInt32, {1, 16}, kInt32x16)}),
           "unexpected inference input 'NOPE' for model 'simple'");
  CHECK_EQ(ErrorOf(SimpleSpec(), {}, {"OUTPUT0", "Z", "OUTPUT7"}),
           "unexpected inference output 'OUTPUT7' for model 'simple'");
}

TEST(RefusesWrongDatatypes) {
  CHECK_EQ(ErrorOf(SimpleSpec(), {Input("INPUT0", DataType::kInvalid, {1, 16}, kInt32x16),
                                  Input("INPUT1", DataType::kInt32, {1, 16}, kInt32x16)}),
           "[request id: <id_unknown>] inference input 'INPUT0' data-type is '<invalid>', but model 'simple' expects "
           "'INT32'");
}

TEST(RefusesWrongBatches) {
  const auto error = [](Shape first, Shape second) {
    return ErrorOf(SimpleSpec(), {Input("INPUT0", DataType::kInt32, std::move(first), kInt32x16),
                                  Input("INPUT1", DataType::kInt32, std::move(second), kInt32x16)});
  };
  const std::string id = "[request id: <id_unknown>] ";
  CHECK_EQ(error({2, 16}, {1, 16}), id + "input 'INPUT0' batch size does not match other inputs for 'simple'");
  CHECK_EQ(error({9, 16}, {9, 16}), id + "inference request batch-size must be <= 8 for 'simple'");
  CHECK_EQ(error({-1, 16}, {-1, 16}), id + "inference request batch-size must be <= 8 for 'simple'");
  CHECK_EQ(error({1, 16}, {}), id + "input 'INPUT1' has no shape but model requires batch dimension for 'simple'");
  // Without elements in its batch a tensor has the size of one.
  CHECK_EQ(error({0, 16}, {0, 16}), id + "inference request batch-size must be >= 1 for 'simple'");
}

TEST(RefusesWrongShapes) {
  CHECK_EQ(ErrorOfFloats({4}, {1, 4}, std::string(16, 'x')),
           "[request id: <id_unknown>] unexpected shape for input 'INPUT0' for model 'identity'. Expected [4], got "
           "[1,4]. ");
  CHECK_EQ(ErrorOfFloats({-1, 4}, {-1, 4}, std::string(16, 'x')),
           "[request id: <id_unknown>] All input dimensions should be specified for input 'INPUT0' for model "
           "'identity', got [-1,4]");
  CHECK_EQ(ErrorOfFloats({-1}, {-5}, ""), "tensor 'INPUT0' contains an invalid dimension [-5]");
}

TEST(ComparesByteSizesWithoutOverflow) {
  const std::string mismatch =
      "[request id: <id_unknown>] input byte size mismatch for input 'INPUT0' for model "
      "'identity'. Expected ";
  CHECK_EQ(ErrorOfFloats({-1, -1}, {2, 2}, std::string(12, 'x')), mismatch + "16, got 12");
  CHECK_EQ(ErrorOfFloats({-1, -1}, {1LL << 32, 1LL << 32}, std::string(16, 'x')), mismatch + "0, got 16");
  CHECK_EQ(ErrorOfFloats({-1, -1}, {1LL << 31, 1LL << 31}, ""),
           "byte size for tensor 'INPUT0' exceeds maximum size of 9223372036854775807");
  CHECK_EQ(ErrorOfFloats({-1, -1}, {0, 1LL << 62}, ""), "");
}

TEST(AppliesReshape) {
  ModelSpec spec = IdentitySpec(DataType::kFp32, {-1, 2, -1}, 4);
  spec.inputs[0].reshape = Shape{2, -1, -1};
  InferenceRequest request = Request({Input("INPUT0", DataType::kFp32, {1, 3, 2, 5}, std::string(120, 'x'))});
  CHECK(Validates(spec, &request));
  CHECK((request.inputs[0].shape == Shape{1, 3, 2, 5}));
  CHECK((request.inputs[0].model_shape == Shape{1, 2, 3, 5}));
}

TEST(AScalarHasOneElement) {
  ModelSpec spec = IdentitySpec(DataType::kFp32, {1}, 0);
  spec.inputs[0].reshape = Shape{};
  CHECK_EQ(ErrorOf(spec, {Input("INPUT0", DataType::kFp32, {1}, "1234")}), "");
}

TEST(ChecksTheFramingOfStrings) {
  const std::string id = "[request id: <id_unknown>] ";
  const std::string of = "for inference input 'INPUT0' for model 'identity'";
  const std::string abc = StringElement("abc", 3);
  CHECK_EQ(ErrorOfStrings({2}, abc + abc), "");
  CHECK_EQ(ErrorOfStrings({0}, ""), "");
  CHECK_EQ(ErrorOfStrings({1}, "\3" + std::string(1, '\0')),
           id + "incomplete string length indicator " + of +
               ", expecting 4 bytes but only 2 bytes available. Please make sure the string length indicator is in one "
               "buffer.");
  CHECK_EQ(ErrorOfStrings({2}, abc), id + "expected 2 string elements " + of + ", got 1");
  CHECK_EQ(ErrorOfStrings({1}, abc + abc), id + "unexpected number of string elements 2 " + of + ", expecting 1");
  CHECK_EQ(ErrorOfStrings({1}, StringElement("abc", std::numeric_limits<std::uint32_t>::max())),
           "in the model: incomplete string data for inference input 'INPUT0', expecting string of length 4294967295 "
           "but only 3 bytes "
           "available");
}

TEST_MAIN()
