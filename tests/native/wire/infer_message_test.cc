#include "wire/infer_message.h"

#include "check.h"
#include "wire/infer_fields.h"
#include "wire/pb_writer.h"

using namespace triton_lite;
using namespace triton_lite::wire;

namespace {

using NamedValue = std::pair<std::string, ParameterValue>;

const std::vector<NamedValue> kParameters = {{"priority", std::uint64_t{7}},
                                             {"flag", false},
                                             {"n", std::int64_t{-3}},
                                             {"x", 0.5},
                                             {"s", std::string("\xC3\xA4")}};

std::string SmallRequest() {
  const std::int64_t dims[] = {1, -1, 1'000'000'000'000};
  const InferRequestBuilder::Input inputs[] = {{"INPUT0", "FP32", dims, kParameters}, {"", "", {}, {}}};
  const InferRequestBuilder::Output outputs[] = {{"OUTPUT0", kParameters}};
  InferRequestBuilder builder;
  builder.model_name = "m";
  builder.model_version = "3";
  builder.id = "request";
  builder.parameters = kParameters;
  builder.inputs = inputs;
  builder.outputs = outputs;
  return EncodeInferRequest(builder);
}

Status Decode(std::string_view message, InferRequestView* view) { return DecodeInferRequest(AsBytes(message), view); }

bool IsRefused(std::string_view message) {
  InferRequestView view;
  return Decode(message, &view) == Internal("Unable to parse request");
}

std::string Message(const std::function<void(PbWriter&)>& write) {
  std::string message;
  PbWriter writer(&message);
  write(writer);
  return message;
}

// A request whose only input has `contents` as its InferTensorContents.
std::string WithContents(std::string_view contents) {
  return Message([&](PbWriter& writer) {
    const std::size_t input = writer.Begin(request_field::kInputs);
    writer.AddText(tensor_field::kContents, contents);
    writer.End(input);
  });
}

}  // namespace

TEST(RoundTrip) {
  const std::string message = SmallRequest();
  InferRequestView view;
  REQUIRE(Decode(message, &view).ok());
  CHECK_EQ(view.model_name, "m");
  CHECK_EQ(view.model_version, "3");
  CHECK_EQ(view.id, "request");
  CHECK(!view.from_http);
  REQUIRE(view.parameters.size() == 5);
  CHECK(view.parameters[0].value == ParameterView(std::uint64_t{7}));
  CHECK(view.parameters[1].value == ParameterView(false));
  CHECK(view.parameters[2].value == ParameterView(std::int64_t{-3}));
  CHECK(view.parameters[3].value == ParameterView(0.5));
  CHECK(view.parameters[4].value == ParameterView(std::string_view("\xC3\xA4")));
  REQUIRE(view.inputs.size() == 2);
  CHECK_EQ(view.inputs[0].name, "INPUT0");
  CHECK_EQ(view.inputs[0].shape, (Shape{1, -1, 1'000'000'000'000}));
  CHECK_EQ(view.inputs[0].parameters.size(), 5u);
  CHECK(!view.inputs[0].contents.present);
  REQUIRE(view.outputs.size() == 1);
  CHECK_EQ(view.outputs[0].parameters.size(), 5u);
}

TEST(EveryTruncationIsRefusedOrShorter) {
  const std::string message = SmallRequest();
  for (std::size_t size = 0; size < message.size(); ++size) {
    const std::string cut = message.substr(0, size);  // A heap block of its own, for the address sanitizer.
    InferRequestView view;
    const Status status = Decode(cut, &view);
    CHECK(!status.ok() || view.inputs.size() < 2 || view.outputs.empty());
  }
}

TEST(LongNestedMessageGetsALongLength) {
  const std::string text(70'000, 'x');
  const std::string message = Message([&](PbWriter& writer) {
    const std::size_t output = writer.Begin(request_field::kOutputs);
    writer.AddText(requested_output_field::kName, text);
    writer.End(output);
  });
  InferRequestView view;
  REQUIRE(Decode(message, &view).ok());
  REQUIRE(view.outputs.size() == 1);
  CHECK_EQ(view.outputs[0].name, text);
}

TEST(MalformedEncodings) {
  CHECK(
      IsRefused("\x0A\xFF\x01"
                "abc"));                                                 // A length past the end.
  CHECK(IsRefused(std::string_view("\x00", 1)));                         // Field number 0.
  CHECK(IsRefused("\x0F"));                                              // Wire type 7.
  CHECK(IsRefused("\x0C"));                                              // The end of a group that never began.
  CHECK(IsRefused("\x53"));                                              // A group without end.
  CHECK(IsRefused("\x50\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01"));  // Eleven bytes of varint.
  CHECK(IsRefused("\xFF\xFF\xFF\xFF\xFF\x01\x01"));                      // Six bytes of tag.
  CHECK(IsRefused("\x0A\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01"));      // A length of 2^64 - 1.
  CHECK(IsRefused(std::string(200, '\x53') + std::string(200, '\x54')));
  InferRequestView view;
  CHECK(Decode(std::string(90, '\x53') + std::string(90, '\x54'), &view).ok());
}

TEST(TooManyTensorsAreRefused) {
  for (const char* const tensor : {"\x2A\x00", "\x32\x00"}) {
    std::string message;
    for (std::size_t i = 0; i < kMostTensors; ++i) {
      message.append(tensor, 2);
    }
    InferRequestView most;
    CHECK(DecodeInferRequest(AsBytes(message), &most).ok());
    message.append(tensor, 2);
    InferRequestView more;
    CHECK_EQ(DecodeInferRequest(AsBytes(message), &more).code(), Code::kInvalidArgument);
  }
}

TEST(FieldsOfAnotherWireTypeAreSkipped) {
  const std::string message = Message([](PbWriter& writer) {
    writer.AddVarint(request_field::kModelName, 5);
    writer.AddVarint(request_field::kInputs, 5);
    writer.AddText(request_field::kFromHttp, "x");
    writer.AddText(77, "unknown");
  });
  InferRequestView view;
  REQUIRE(Decode(message, &view).ok());
  CHECK_EQ(view.model_name, "");
  CHECK(view.inputs.empty());
  CHECK(!view.from_http);
}

TEST(TextIsCheckedUnlessItCameByHttp) {
  for (const char* text : {"\xFF", "\xC0\x80", "\xED\xA0\x80", "\xF4\x90\x80\x80", "\xE2\x82", "12345678\x80"}) {
    CHECK(IsRefused(Message([&](PbWriter& writer) { writer.AddText(request_field::kId, text); })));
    InferRequestBuilder builder;
    builder.id = text;
    builder.from_http = true;
    const std::string message = EncodeInferRequest(builder);
    InferRequestView view;
    REQUIRE(DecodeInferRequest(AsBytes(message), &view, /*may_be_http=*/true).ok());
    CHECK_EQ(view.id, text);
    CHECK(view.from_http);
    CHECK(IsRefused(message));  // A gRPC client says the same of its message.
  }
  for (const char* text : {"", "abcdefgh\xE2\x82\xAC", "\xF0\x90\x80\x80", "\xED\x9F\xBF", "\xC2\x80"}) {
    CHECK(!IsRefused(Message([&](PbWriter& writer) { writer.AddText(request_field::kId, text); })));
  }
}

TEST(LastOfEqualParametersWins) {
  for (const int count : {3, 100}) {
    std::vector<NamedValue> parameters;
    for (int i = 0; i < count; ++i) {
      parameters.emplace_back("same", std::int64_t{i});
      parameters.emplace_back(std::to_string(i), true);
    }
    InferRequestBuilder builder;
    builder.parameters = parameters;
    const std::string message = EncodeInferRequest(builder);
    InferRequestView view;
    REQUIRE(Decode(message, &view).ok());
    CHECK_EQ(view.parameters.size(), static_cast<std::size_t>(count) + 1);
    CHECK(view.parameters[0].value == ParameterView(std::int64_t{count - 1}));
  }
}

TEST(PackedAndUnpackedContentsInOrder) {
  const std::string contents = Message([](PbWriter& writer) {
    writer.AddVarint(contents_field::kInt, 1);
    writer.AddVarint(contents_field::kInt, static_cast<std::uint64_t>(-2));
    writer.AddText(contents_field::kInt, std::string_view("\x03\x84\x01", 3));  // Packed 3 and 132.
    writer.AddText(contents_field::kFp32, "");                                  // No element: not set.
  });
  const std::string message = WithContents(contents);
  InferRequestView view;
  REQUIRE(Decode(message, &view).ok());
  const TypedContents& typed = view.inputs[0].contents;
  CHECK(typed.present);
  REQUIRE(typed.fields.size() == 1);
  CHECK_EQ(typed.fields[0].first, contents_field::kInt);
  const Result<std::string> small = TypedContentsToRaw(DataType::kInt8, contents_field::kInt, typed);
  REQUIRE(small.ok());
  CHECK_EQ(small.value(), "\x01\xFE\x03\x84");
  const Result<std::string> wide = TypedContentsToRaw(DataType::kInt32, contents_field::kInt, typed);
  REQUIRE(wide.ok());
  CHECK_EQ(wide.value(), std::string("\1\0\0\0\xFE\xFF\xFF\xFF\3\0\0\0\x84\0\0\0", 16));
}

TEST(BytesContentsGetLengths) {
  const std::string contents = Message([](PbWriter& writer) {
    writer.AddText(contents_field::kBytes, "ab");
    writer.AddText(contents_field::kBytes, "");
  });
  const std::string message = WithContents(contents);
  InferRequestView view;
  REQUIRE(Decode(message, &view).ok());
  const Result<std::string> raw = TypedContentsToRaw(DataType::kBytes, contents_field::kBytes, view.inputs[0].contents);
  REQUIRE(raw.ok());
  CHECK_EQ(raw.value(), std::string("\2\0\0\0ab\0\0\0\0", 10));
}

TEST(MalformedContents) {
  for (const std::uint32_t field : {contents_field::kFp32, contents_field::kFp64}) {
    CHECK(IsRefused(WithContents(Message([&](PbWriter& writer) { writer.AddText(field, "123"); }))));
  }
  CHECK(IsRefused(WithContents(Message([](PbWriter& writer) { writer.AddText(contents_field::kInt, "\x80"); }))));
}

TEST(ResponseRoundTrip) {
  Parameters parameters;
  parameters.Set("sequence_id", std::int64_t{0});
  OutputTensor output;
  output.name = "OUTPUT0";
  output.datatype = DataType::kInt32;
  output.shape = Shape{1, 16};
  ResponseHead head;
  head.model_name = "simple";
  head.model_version = "1";
  head.parameters = &parameters;
  head.outputs = {&output, 1};
  const std::string message = EncodeInferResponse(head);
  InferResponseView view;
  REQUIRE(DecodeInferResponse(AsBytes(message), &view).ok());
  CHECK_EQ(view.model_name, "simple");
  REQUIRE(view.outputs.size() == 1);
  CHECK_EQ(view.outputs[0].datatype, "INT32");
  CHECK_EQ(view.outputs[0].shape, (Shape{1, 16}));
  REQUIRE(view.parameters.size() == 1);
  CHECK(view.parameters[0].value == ParameterView(std::int64_t{0}));
}

TEST(FramedMessages) {
  const std::string head = Message([](PbWriter& writer) { writer.AddText(response_field::kModelName, "m"); });
  const std::string large(300, 'z');
  const Bytes segments[] = {AsBytes("abc"), Bytes(), AsBytes(large)};
  const std::string expected = head +
                               "\x32\x03"
                               "abc\x32" +
                               std::string(1, '\0') + "\x32\xAC\x02" + large;
  std::string out(FramedSize(AsBytes(head), segments, false), '?');
  WriteFramed(AsBytes(head), segments, false, std::as_writable_bytes(std::span(out)));
  CHECK_EQ(out, expected);
  std::string streamed(FramedSize(AsBytes(head), segments, true), '?');
  WriteFramed(AsBytes(head), segments, true, std::as_writable_bytes(std::span(streamed)));
  CHECK_EQ(streamed, "\x12\xB9\x02" + expected);
}

TEST(StreamErrors) {
  CHECK_EQ(EncodeStreamError("no", "id"), "\x0A\x02no\x12\x04\x1A\x02id");
  CHECK_EQ(EncodeStreamError("no", ""), std::string("\x0A\x02no\x12\x00", 6));
}

TEST_MAIN()
