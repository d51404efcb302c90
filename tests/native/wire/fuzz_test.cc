// Fixed-seed mutations of valid requests through both decoders: whatever comes, they say yes or no and read nothing
// outside. Meant for the address sanitizer; without it, it still finds crashes.
#include <random>

#include "check.h"
#include "wire/http_infer.h"
#include "wire/infer_fields.h"
#include "wire/infer_message.h"
#include "wire/pb_writer.h"

using namespace triton_lite;
using namespace triton_lite::wire;

namespace {

constexpr int kRounds = 20'000;

class Mutator {
 public:
  explicit Mutator(std::uint32_t seed) : random_(seed) {}

  std::string Mutate(std::string text, const std::vector<std::string>& tokens) {
    const std::size_t times = 1 + Below(4);
    for (std::size_t i = 0; i < times; ++i) {
      const std::size_t at = Below(text.size() + 1);
      switch (Below(5)) {
        case 0:
          text.insert(at, tokens[Below(tokens.size())]);
          break;
        case 1:
          text.erase(at, Below(6));
          break;
        case 2:
          text.resize(at);
          break;
        case 3:
          text.insert(at, 1, static_cast<char>(Below(256)));
          break;
        default:
          if (at < text.size()) {
            text[at] = static_cast<char>(Below(256));
          }
      }
    }
    return text;
  }

 private:
  std::size_t Below(std::size_t limit) { return random_() % limit; }

  std::mt19937 random_;
};

std::string ValidMessage() {
  const std::vector<std::pair<std::string, ParameterValue>> parameters = {
      {"a", true}, {"b", std::int64_t{-1}}, {"c", 1.5}, {"d", std::string("text")}};
  const std::int64_t dims[] = {1, 3};
  const InferRequestBuilder::Input inputs[] = {{"INPUT0", "INT32", dims, parameters}};
  const InferRequestBuilder::Output outputs[] = {{"OUTPUT0", parameters}};
  InferRequestBuilder builder;
  builder.model_name = "model";
  builder.id = "id";
  builder.parameters = parameters;
  builder.inputs = inputs;
  builder.outputs = outputs;
  std::string message = EncodeInferRequest(builder);
  PbWriter writer(&message);
  const std::size_t input = writer.Begin(request_field::kInputs);
  const std::size_t contents = writer.Begin(tensor_field::kContents);
  writer.AddText(contents_field::kInt, "\1\2\3");
  writer.AddVarint(contents_field::kInt, 4);
  writer.AddDouble(contents_field::kFp64, 4);
  writer.AddText(contents_field::kBytes, "bytes");
  writer.End(contents);
  writer.End(input);
  writer.AddText(request_field::kRawInputContents, "raw");
  return message;
}

// Touches everything that the view shows.
std::size_t Weigh(const InferRequestView& view) {
  std::size_t sum = view.model_name.size() + view.id.size();
  for (const InferInputView& input : view.inputs) {
    sum += input.name.size() + input.shape.size();
    for (std::uint32_t field = 1; field <= contents_field::kBytes; ++field) {
      const DataType datatype = field == contents_field::kBytes ? DataType::kBytes : DataType::kInt16;
      const Result<std::string> raw = TypedContentsToRaw(datatype, field, input.contents);
      CHECK(raw.ok());  // The decoder has checked what it kept.
      sum += raw->size();
    }
  }
  for (Bytes raw : view.raw_input_contents) {
    sum += std::string(AsText(raw)).size();
  }
  return sum;
}

}  // namespace

TEST(Messages) {
  const std::string valid = ValidMessage();
  const std::vector<std::string> tokens = {
      "\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01", "\x0A", "\x2A\x7F", "\x53", "\x54", std::string(12, '\x80'), valid};
  Mutator mutator(1);
  std::size_t decoded = 0;
  for (int i = 0; i < kRounds; ++i) {
    const std::string message = mutator.Mutate(valid, tokens);
    const std::vector<char> exact(message.begin(), message.end());
    InferRequestView view;
    if (DecodeInferRequest(AsBytes({exact.data(), exact.size()}), &view).ok()) {
      ++decoded;
      Weigh(view);
    }
    InferResponseView response;
    (void)DecodeInferResponse(AsBytes({exact.data(), exact.size()}), &response).ok();
  }
  CHECK(decoded > 0 && decoded < kRounds);
}

TEST(HttpBodies) {
  const std::string json =
      R"({"id":"\u20ac\n","parameters":{"priority":1,"x":1.5},"inputs":[)"
      R"({"name":"A","datatype":"FP32","shape":[2,2],"data":[[1.5,-2e3],[NaN,12345678901234567890]]},)"
      R"({"name":"B","datatype":"BYTES","shape":[2],"data":["a","\ud83d\ude00"]},)"
      R"({"data":[1,2],"datatype":"INT8","shape":[2],"name":"C"},)"
      R"({"name":"D","datatype":"BOOL","shape":[3],"parameters":{"binary_data_size":3}}],)"
      R"("outputs":[{"name":"O","parameters":{"binary_data":true}}]})";
  const std::vector<std::string> tokens = {"[",
                                           "]",
                                           "{",
                                           "}",
                                           ",",
                                           "\"",
                                           "\\",
                                           "\\u",
                                           "-",
                                           "1e",
                                           "null",
                                           "NaN",
                                           std::string(120, '['),
                                           "0",
                                           ".",
                                           std::string(1, '\0'),
                                           "18446744073709551616"};
  Mutator mutator(2);
  std::size_t decoded = 0;
  for (int i = 0; i < kRounds; ++i) {
    const std::string text = mutator.Mutate(json, tokens);
    const std::string length = std::to_string(text.size());
    const std::string body = text + "\1\2\3";
    const std::vector<char> exact(body.begin(), body.end());
    HttpInferRequest request;
    request.body = AsBytes({exact.data(), exact.size()});
    request.header_length = length;
    HttpInferCall call;
    if (DecodeHttpInfer(request, &call).ok()) {
      ++decoded;
      InferRequestView view;
      CHECK(DecodeInferRequest(AsBytes(call.message), &view, /*may_be_http=*/true).ok());
      std::size_t sum = 0;
      for (Bytes segment : call.segments) {
        sum += std::string(AsText(segment)).size();
      }
      CHECK(sum < 1'000'000);
    }
  }
  CHECK(decoded > 0 && decoded < kRounds);
}

TEST_MAIN()
