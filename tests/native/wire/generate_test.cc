#include "wire/generate.h"

#include <cstring>
#include <string>

#include "check.h"

using namespace triton_lite;
using wire::DecodeGenerate;
using wire::EncodeGenerate;

namespace {

TensorSpec Tensor(std::string name, DataType datatype, Shape dims) {
  TensorSpec tensor;
  tensor.name = std::move(name);
  tensor.datatype = datatype;
  tensor.dims = std::move(dims);
  return tensor;
}

ModelSpec Model(std::int32_t max_batch_size, std::vector<TensorSpec> inputs) {
  ModelSpec spec;
  spec.name = "gen";
  spec.max_batch_size = max_batch_size;
  spec.inputs = std::move(inputs);
  return spec;
}

ModelSpec TextModel() { return Model(0, {Tensor("text_input", DataType::kBytes, {-1})}); }

ModelSpec NumberModel(DataType datatype, Shape dims) { return Model(0, {Tensor("n", datatype, std::move(dims))}); }

// The error's text, or "" when there is none.
std::string Decode(const ModelSpec& spec, std::string_view json, InferenceRequest* request) {
  return DecodeGenerate(spec, json, request).message();
}

std::string Refusal(const ModelSpec& spec, std::string_view json) {
  InferenceRequest request;
  return Decode(spec, json, &request);
}

template <typename T>
std::string BytesOf(std::initializer_list<T> values) {
  std::string bytes;
  for (const T value : values) {
    bytes.append(reinterpret_cast<const char*>(&value), sizeof(value));
  }
  return bytes;
}

OutputTensor Output(std::string name, DataType datatype, Shape shape, std::string& bytes) {
  OutputTensor output;
  output.name = std::move(name);
  output.datatype = datatype;
  output.shape = std::move(shape);
  output.data.data = reinterpret_cast<std::byte*>(bytes.data());
  output.data.size = bytes.size();
  return output;
}

}  // namespace

TEST(TextBecomesOneElement) {
  InferenceRequest request;
  CHECK_EQ(Decode(TextModel(), R"({"text_input": "hello", "id": "req-9"})", &request), "");
  REQUIRE(request.inputs.size() == 1);
  CHECK_EQ(request.id, "req-9");
  CHECK_EQ(request.inputs[0].shape, Shape{1});
  CHECK_EQ(request.inputs[0].data.text(), BytesOf<std::uint32_t>({5}) + "hello");
}

TEST(ListsMayNest) {
  InferenceRequest request;
  CHECK_EQ(Decode(TextModel(), R"({"text_input": [["a"], ["b"]]})", &request), "");
  REQUIRE(request.inputs.size() == 1);
  CHECK_EQ(request.inputs[0].shape, Shape{2});
  CHECK_EQ(request.inputs[0].data.size, 10u);
}

TEST(EmptyListHasNoElements) {
  InferenceRequest request;
  CHECK_EQ(Decode(TextModel(), R"({"text_input": []})", &request), "");
  REQUIRE(request.inputs.size() == 1);
  CHECK_EQ(request.inputs[0].shape, Shape{0});
  CHECK_EQ(request.inputs[0].data.size, 0u);
}

TEST(ElementsFillFixedDimensionsFirst) {
  const ModelSpec spec = Model(8, {Tensor("n", DataType::kInt32, {2, -1})});
  InferenceRequest request;
  CHECK_EQ(Decode(spec, R"({"n": [1, 2, 3, 4, 5, 6]})", &request), "");
  REQUIRE(request.inputs.size() == 1);
  CHECK_EQ(request.inputs[0].shape, (Shape{1, 2, 3}));
  CHECK_EQ(request.inputs[0].data.text(), BytesOf<std::int32_t>({1, 2, 3, 4, 5, 6}));
  CHECK_EQ(Refusal(spec, R"({"n": [1, 2, 3]})"), "The schema can not convert input 'n' to tensor with proper shape");
}

TEST(TooFewElementsForFixedDimensions) {
  CHECK_EQ(Refusal(NumberModel(DataType::kInt32, {16}), R"({"n": 1})"),
           "The schema can not convert input 'n' to tensor with proper shape");
}

TEST(DimensionsOfZeroTakeNothing) {
  CHECK_EQ(Refusal(NumberModel(DataType::kInt32, {0}), R"({"n": [1]})"),
           "The schema can not convert input 'n' to tensor with proper shape");
}

TEST(UnknownMembersAreParameters) {
  InferenceRequest request;
  CHECK_EQ(
      Decode(TextModel(), R"({"text_input": "x", "s": "y", "i": 3, "b": true, "d": 0.5, "s": "z", "triton_foo": "t"})",
             &request),
      "");
  CHECK_EQ(request.parameters.size(), 5u);
  REQUIRE(request.parameters.Find("s") != nullptr && request.parameters.Find("i") != nullptr);
  CHECK_EQ(std::get<std::string>(*request.parameters.Find("s")), "y");
  CHECK_EQ(std::get<std::int64_t>(*request.parameters.Find("i")), 3);
}

TEST(NestedParametersCountAsIfBeside) {
  InferenceRequest request;
  CHECK_EQ(Decode(TextModel(), R"({"parameters": {"text_input": "x", "temperature": 1}})", &request), "");
  CHECK_EQ(request.inputs.size(), 1u);
  CHECK_EQ(request.parameters.size(), 1u);
  CHECK_EQ(Refusal(TextModel(), R"({"parameters": {"a": {}}})"),
           "Converting keyword: 'parameters': parameter 'a' has invalid type. It should be either 'int', 'bool', or "
           "'string'.");
  CHECK_EQ(Refusal(TextModel(), R"({"parameters": 1})"),
           "Expected JSON object for keyword: 'parameters': attempt to access JSON non-object as object");
  CHECK_EQ(Refusal(Model(0, {Tensor("parameters", DataType::kBytes, {-1})}), R"({"parameters": {}})"),
           "Keyword 'parameters' for nested schema also given as input tensor name");
}

TEST(RefusesWhatIsNoParameter) {
  for (const char* const json : {R"({"deep": {"a": 1}})", R"({"deep": [1, 2]})", R"({"deep": null})"}) {
    CHECK_EQ(Refusal(TextModel(), json),
             "parameter 'deep' has invalid type. It should be either 'int', 'bool', or 'string'.");
  }
}

TEST(RefusesWhatIsNoText) {
  const std::string expected = "Unable to parse JSON bytes array: attempt to access JSON non-string as string";
  CHECK_EQ(Refusal(TextModel(), R"({"text_input": null})"), expected);
  CHECK_EQ(Refusal(TextModel(), R"({"text_input": {"a": "b"}})"), expected);
  CHECK_EQ(Refusal(TextModel(), R"({"id": 1})"), "Unable to parse 'id': attempt to access JSON non-string as string");
}

TEST(RefusesTypesWithoutAJsonForm) {
  CHECK_EQ(Refusal(NumberModel(DataType::kFp16, {-1}), R"({"n": [1]})"),
           "receiving FP16 data via JSON is not supported. Please use the binary data format for input n");
}

TEST(RefusesMoreElementsThanTheOuterList) {
  CHECK_EQ(Refusal(NumberModel(DataType::kInt32, {-1}), R"({"n": [[1, 2], [3, 4]]})"),
           "Unable to parse 'data': Shape does not match true shape of 'data' field");
  CHECK_EQ(Refusal(NumberModel(DataType::kInt32, {-1}), R"({"n": [[], []]})"),
           "Failed to parse 'data' field: shape does not match true shape");
}

TEST(RefusesWhatIsNoObject) {
  CHECK_EQ(Refusal(TextModel(), "[1]"), "attempt to get members for non-object");
  CHECK_EQ(Refusal(TextModel(), ""), "failed to parse the request JSON buffer: The document is empty. at 0");
  CHECK_EQ(Refusal(TextModel(), "{"),
           "failed to parse the request JSON buffer: Missing a name for object member. at 1");
}

TEST(RefusesAnInputThatComesTwice) {
  CHECK_EQ(Refusal(TextModel(), R"({"text_input": "a", "text_input": "b"})"),
           "input 'text_input' already exists in request");
}

// Names are looked up in a set: a list would make this take minutes.
TEST(ManyMembersTakeLinearTime) {
  std::string json = "{";
  for (int i = 0; i < 200000; ++i) {
    json += "\"p" + std::to_string(i) + "\":1,";
  }
  json.back() = '}';
  InferenceRequest request;
  CHECK_EQ(Decode(TextModel(), json, &request), "");
  CHECK_EQ(request.parameters.size(), 200000u);
}

TEST(EncodesMembersByName) {
  std::string text = BytesOf<std::uint32_t>({5}) + "hello";
  std::string numbers = BytesOf<float>({1, 2.5});
  std::string flag(1, '\1');
  InferenceResponse response;
  response.outputs.push_back(Output("text_output", DataType::kBytes, {1}, text));
  response.outputs.push_back(Output("number_out", DataType::kFp32, {1, 2}, numbers));
  response.outputs.push_back(Output("flag_out", DataType::kBool, {1, 1}, flag));
  response.parameters.Set("extra", std::int64_t{7});
  InferenceRequest request;
  request.model_version = 3;
  request.id = "r";
  const Result<std::string> json = EncodeGenerate(TextModel(), request, response);
  REQUIRE(json.ok());
  CHECK_EQ(*json,
           R"({"extra":7,"flag_out":true,"id":"r","model_name":"gen","model_version":"3","number_out":[1.0,2.5],)"
           R"("text_output":"hello"})");
}

TEST(EncodesNoElementsAsAList) {
  std::string none;
  InferenceResponse response;
  response.outputs.push_back(Output("text_output", DataType::kBytes, {0}, none));
  InferenceRequest request;
  request.model_version = 1;
  const Result<std::string> json = EncodeGenerate(TextModel(), request, response);
  REQUIRE(json.ok());
  CHECK_EQ(*json, R"({"model_name":"gen","model_version":"1","text_output":[]})");
}

TEST(RefusesOutputsWithoutAJsonForm) {
  std::string half(2, '\0');
  InferenceResponse response;
  response.outputs.push_back(Output("o", DataType::kFp16, {1}, half));
  CHECK_EQ(EncodeGenerate(TextModel(), {}, response).status().message(),
           "sending FP16 data via JSON is not supported. Please use the binary data format for output");
}

TEST_MAIN()
