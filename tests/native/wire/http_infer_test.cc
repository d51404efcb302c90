#include "wire/http_infer.h"

#include <cmath>
#include <memory>

#include "check.h"
#include "wire/infer_message.h"
#include "wire/json_writer.h"

using namespace triton_lite;
using namespace triton_lite::wire;

namespace {

struct Decoded {
  Status status;
  HttpInferCall call;
  InferRequestView view;
};

std::unique_ptr<Decoded> Decode(std::string_view body, std::optional<std::string_view> header_length = std::nullopt,
                                std::uint64_t max_input_byte_size = 0) {
  auto decoded = std::make_unique<Decoded>();
  HttpInferRequest request;
  request.model_name = "m";
  request.body = AsBytes(body);
  request.header_length = header_length;
  request.max_input_byte_size = max_input_byte_size;
  decoded->status = DecodeHttpInfer(request, &decoded->call);
  if (decoded->status.ok()) {
    CHECK(DecodeInferRequest(AsBytes(decoded->call.message), &decoded->view, /*may_be_http=*/true).ok());
  }
  return decoded;
}

std::string WithInput(std::string_view rest) {
  return R"({"inputs":[{"name":"I","datatype":"INT32",)" + std::string(rest) + "}]}";
}

Status StatusOf(std::string_view body) { return Decode(body)->status; }

Buffer Borrowed(std::string_view text) {
  return {const_cast<std::byte*>(AsBytes(text).data()), text.size(), nullptr, MemoryKind::kHost, 0};
}

struct Answer {
  Status status;
  HttpInferAnswer body;
};

Answer Encode(const OutputTensor& output, const ResponseFormat& format) {
  ResponseHead head;
  head.model_name = "m";
  head.model_version = "1";
  head.id = "a\"b";
  head.outputs = {&output, 1};
  const std::string message = EncodeInferResponse(head);
  const Bytes segments[] = {output.data.bytes()};
  Answer answer;
  answer.status = EncodeHttpInfer(AsBytes(message), segments, format, &answer.body);
  return answer;
}

std::string DoubleText(double value) {
  std::string text;
  AppendJsonDouble(value, &text);
  return text;
}

}  // namespace

TEST(JsonRequest) {
  const auto decoded = Decode(
      R"({"id":"x","parameters":{"priority":3,"timeout":18446744073709551615,"sequence_id":"s","sequence_start":true,)"
      R"("binary_data_output":true,"f":1.5,"i":-2,"t":"v"},)"
      R"("inputs":[{"name":"I","datatype":"INT32","shape":[1,2],"data":[[1,2]]}],)"
      R"("outputs":[{"name":"O","parameters":{"classification":2,"binary_data":false}}]})");
  REQUIRE(decoded->status.ok());
  const InferRequestView& view = decoded->view;
  CHECK(view.from_http);
  CHECK_EQ(view.model_name, "m");
  CHECK_EQ(view.id, "x");
  REQUIRE(view.parameters.size() == 7);
  CHECK(view.parameters[0].value == ParameterView(std::uint64_t{3}));
  CHECK(view.parameters[1].value == ParameterView(std::int64_t{-1}));  // The same bits.
  CHECK(view.parameters[2].value == ParameterView(std::string_view("s")));
  CHECK(view.parameters[3].value == ParameterView(true));
  CHECK(view.parameters[4].value == ParameterView(1.5));
  REQUIRE(view.inputs.size() == 1);
  CHECK_EQ(view.inputs[0].shape, (Shape{1, 2}));
  REQUIRE(decoded->call.segments.size() == 1);
  CHECK_EQ(AsText(decoded->call.segments[0]), std::string_view("\1\0\0\0\2\0\0\0", 8));
  REQUIRE(view.outputs.size() == 1);
  CHECK(view.outputs[0].parameters[0].value == ParameterView(std::int64_t{2}));
  CHECK(decoded->call.format.FormOf("O") == OutputForm::kJson);
  CHECK(decoded->call.format.FormOf("other") == OutputForm::kBinary);
}

TEST(DataBeforeItsDatatype) {
  const auto decoded = Decode(R"({"inputs":[{"data":[1,2],"shape":[2],"datatype":"UINT8","name":"I"}]})");
  REQUIRE(decoded->status.ok());
  CHECK_EQ(AsText(decoded->call.segments[0]), "\1\2");
}

TEST(SegmentsOfManyInputsStay) {
  std::string body = R"({"inputs":[)";
  for (int i = 0; i < 200; ++i) {
    body += R"({"name":"I","datatype":"UINT8","shape":[1],"data":[)" + std::to_string(i) + "]},";
  }
  body.back() = ']';
  const auto decoded = Decode(body + "}");
  REQUIRE(decoded->status.ok() && decoded->call.segments.size() == 200);
  const HttpInferCall moved = std::move(decoded->call);
  for (std::size_t i = 0; i < 200; ++i) {
    CHECK_EQ(static_cast<std::size_t>(moved.segments[i][0]), i);
  }
}

TEST(BinaryInputsInOrder) {
  const std::string json =
      R"({"inputs":[{"name":"A","datatype":"UINT8","shape":[2],"parameters":{"binary_data_size":2}},)"
      R"({"name":"B","datatype":"UINT8","shape":[1],"data":[9]},)"
      R"({"name":"C","datatype":"UINT8","shape":[0],"parameters":{"binary_data_size":0}},)"
      R"({"name":"D","datatype":"UINT8","shape":[1],"parameters":{"binary_data_size":1}}]})";
  const std::string length = std::to_string(json.size());
  const std::string body = json + "xyz";
  const auto decoded = Decode(body, length);
  REQUIRE(decoded->status.ok() && decoded->call.segments.size() == 4);
  CHECK_EQ(AsText(decoded->call.segments[0]), "xy");
  CHECK_EQ(AsText(decoded->call.segments[1]), "\x09");
  CHECK(decoded->call.segments[2].empty());
  CHECK_EQ(AsText(decoded->call.segments[3]), "z");
  CHECK(decoded->call.segments[0].data() == AsBytes(body).data() + json.size());  // Not copied.
  CHECK_EQ(Decode(json + "xyzz", length)->status.message(), "unexpected additional input data for model 'm'");
  CHECK_EQ(Decode(json + "xy", length)->status.message(),
           "unexpected size for input 'D', expecting 1 additional bytes for model 'm'");
}

TEST(SharedMemoryParametersAreAlwaysComplete) {
  const auto decoded = Decode(WithInput(R"("shape":[1],"parameters":{"shared_memory_region":"r"})"));
  REQUIRE(decoded->status.ok());
  CHECK(decoded->call.segments.empty());
  const auto& parameters = decoded->view.inputs[0].parameters;
  REQUIRE(parameters.size() == 3);
  CHECK(parameters[0].value == ParameterView(std::string_view("r")));
  CHECK(parameters[1].value == ParameterView(std::int64_t{0}));
  CHECK(parameters[2].value == ParameterView(std::int64_t{0}));
}

TEST(RawBinaryRequest) {
  for (const std::string_view body : {"", "raw bytes"}) {
    const auto decoded = Decode(body, "0");
    REQUIRE(decoded->status.ok());
    CHECK(decoded->call.raw_binary);
    CHECK_EQ(AsText(decoded->call.segments[0]), body);
    CHECK(decoded->call.format.otherwise == OutputForm::kBinary);
  }
}

TEST(HeaderLengths) {
  CHECK_EQ(*ParseHeaderLength(std::nullopt, 7), 7u);
  CHECK_EQ(*ParseHeaderLength("", 7), 0u);
  CHECK_EQ(*ParseHeaderLength(" +5x", 7), 5u);
  for (const char* bad : {"-1", "8", "1180591620717411303424"}) {
    CHECK_EQ(ParseHeaderLength(bad, 7).status(),
             InvalidArgument("inference header size should be in range (0, 7), got: " + std::string(bad)));
  }
  for (const char* bad : {"abc", " ", "+-5", "- 5"}) {
    CHECK_EQ(ParseHeaderLength(bad, 7).status(),
             InvalidArgument("Unable to parse Inference-Header-Content-Length, got: " + std::string(bad)));
  }
}

TEST(CountsOfElements) {
  CHECK_EQ(StatusOf(WithInput(R"("shape":[2],"data":[1])")),
           Internal("Failed to parse 'data' field: shape does not match true shape"));
  for (const char* data : {"[1,2,3]", "[1,2,3,\"x\"]"}) {
    CHECK_EQ(StatusOf(WithInput(R"("shape":[2],"data":)" + std::string(data))),
             Internal("Unable to parse 'data': Shape does not match true shape of 'data' field"));
  }
  CHECK(StatusOf(WithInput(R"("shape":[0],"data":"anything")")).ok());
  CHECK_EQ(StatusOf(WithInput(R"("shape":[4294967296,4294967296],"data":[1])")),
           InvalidArgument("invalid shape for input 'I': shape [4294967296,4294967296] causes total element count to "
                           "exceed maximum size of 9223372036854775807"));
  CHECK_EQ(StatusOf(WithInput(R"("shape":[4611686018427387904],"data":[1])")),
           InvalidArgument("byte size overflow for input 'I': element count (4611686018427387904) * data type size (4) "
                           "exceeds maximum allowed size (9223372036854775807)"));
}

TEST(LimitsOfSizes) {
  CHECK_EQ(Decode(WithInput(R"("shape":[100],"data":[1])"), std::nullopt, 399)->status.message(),
           "JSON input 'I' has a byte_size (400 bytes) that exceeds the maximum allowed value of 399 bytes. Use "
           "--http-max-input-size to increase the limit.");
  CHECK_EQ(Decode("0123456789", "0", 9)->status.message(),
           "Raw input has a byte_size (10 bytes) that exceeds the maximum allowed value of 9 bytes. Use "
           "--http-max-input-size to increase the limit.");
}

TEST(NamesEndAtNul) {
  const auto decoded = Decode(R"({"id":"a\u0000b","inputs":[]})");
  REQUIRE(decoded->status.ok());
  CHECK_EQ(decoded->view.id, "a");
  CHECK_EQ(StatusOf(R"({"parameters":{"a\u0000b":1},"inputs":[]})"),
           Internal("parameter key 'a' was not found in the JSON"));
}

TEST(ForwardedHeaders) {
  const auto decode = [](std::string name) {
    const std::pair<std::string, std::string> headers[] = {{std::move(name), "v"}};
    HttpInferRequest request;
    request.body = AsBytes(R"({"inputs":[]})");
    request.forwarded = headers;
    HttpInferCall call;
    return DecodeHttpInfer(request, &call);
  };
  CHECK(decode("x-my").ok());
  CHECK_EQ(decode("priority"),
           InvalidArgument("Header 'priority' is reserved for Triton usage and cannot be forwarded."));
  CHECK(!decode("triton_x").ok());
}

TEST(Answers) {
  const float values[] = {1.0F, 0.5F};
  OutputTensor output;
  output.name = "O";
  output.datatype = DataType::kFp32;
  output.shape = Shape{2};
  output.data = Borrowed({reinterpret_cast<const char*>(values), sizeof(values)});
  const Answer json = Encode(output, {});
  CHECK(!json.body.has_binary);
  CHECK_EQ(json.body.json,
           R"({"id":"a\"b","model_name":"m","model_version":"1","outputs":[{"name":"O","datatype":"FP32",)"
           R"("shape":[2],"data":[1.0,0.5]}]})");
  const Answer binary = Encode(output, {OutputForm::kBinary, {}});
  CHECK(binary.body.has_binary);
  CHECK(binary.body.json.ends_with(R"("shape":[2],"parameters":{"binary_data_size":8}}]})"));
  REQUIRE(binary.body.tail.size() == 1);
  const Answer region = Encode(output, {OutputForm::kBinary, {{"O", OutputForm::kSharedMemory}}});
  CHECK(region.body.json.ends_with(R"("shape":[2]}]})"));
  CHECK(!region.body.has_binary);
  output.shape = Shape{3};
  CHECK_EQ(Encode(output, {}).status, Internal("Failed to write 'data' field: output tensor shape does not match size "
                                               "of output for 'O'"));
  output.datatype = DataType::kFp16;
  CHECK_EQ(
      Encode(output, {}).status,
      InvalidArgument("sending FP16 data via JSON is not supported. Please use the binary data format for output"));
}

TEST(AnswersOfTexts) {
  const std::string bytes("\3\0\0\0a\xFF\"\1\0\0\0\1", 12);
  OutputTensor output;
  output.datatype = DataType::kBytes;
  output.shape = Shape{2};
  output.data = Borrowed(bytes);
  CHECK(Encode(output, {}).body.json.ends_with("\"data\":[\"a\xFF\\\"\",\"\\u0001\"]}]}"));
  for (const std::size_t cut : {11u, 9u, 3u, 0u}) {
    output.data = Borrowed(std::string_view(bytes).substr(0, cut));
    CHECK_EQ(Encode(output, {}).status, Internal("output tensor shape does not match size of output for ''"));
  }
}

TEST(TextsOfDoubles) {
  CHECK_EQ(DoubleText(0.0), "0.0");
  CHECK_EQ(DoubleText(-0.0), "-0.0");
  CHECK_EQ(DoubleText(-2.5), "-2.5");
  CHECK_EQ(DoubleText(1e20), "100000000000000000000.0");
  CHECK_EQ(DoubleText(1e21), "1e21");
  CHECK_EQ(DoubleText(1.5e300), "1.5e300");
  CHECK_EQ(DoubleText(123456789.125), "123456789.125");
  CHECK_EQ(DoubleText(0.000001), "0.000001");
  CHECK_EQ(DoubleText(1.25e-7), "1.25e-7");
  CHECK_EQ(DoubleText(5e-324), "5e-324");
  CHECK_EQ(DoubleText(0.1F), "0.10000000149011612");
  CHECK_EQ(DoubleText(INFINITY), "Infinity");
  CHECK_EQ(DoubleText(-INFINITY), "-Infinity");
  CHECK_EQ(DoubleText(NAN), "NaN");
}

TEST_MAIN()
