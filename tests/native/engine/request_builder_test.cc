#include "engine/request_builder.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstring>
#include <string>

#include "check.h"
#include "engine/fakes.h"
#include "engine/region_registry.h"
#include "memory/file_descriptor.h"

using namespace triton_lite;
using namespace triton_lite::testing;

namespace {

using wire::InferRequestView;

InferRequestView View(std::vector<wire::InferInputView> inputs) {
  InferRequestView view;
  view.model_name = "simple";
  view.inputs = std::move(inputs);
  return view;
}

wire::InferInputView Named(std::string_view name, std::string_view datatype = "INT32") {
  wire::InferInputView input;
  input.name = name;
  input.datatype = datatype;
  input.shape = Shape{1};
  return input;
}

wire::InferInputView Typed(std::string_view datatype, std::vector<std::pair<std::uint32_t, Bytes>> fields) {
  wire::InferInputView input = Named("INPUT0", datatype);
  input.contents.present = true;
  input.contents.fields = std::move(fields);
  return input;
}

std::string ErrorOf(const InferRequestView& view, std::span<const Bytes> raw = {}) {
  InferenceRequest request;
  CallOptions options;
  const Status status = BuildRequest(view, raw, nullptr, {}, false, &request, &options);
  CHECK(status.ok() || status.code() == Code::kInvalidArgument || status.code() == Code::kUnimplemented);
  return status.message();
}

std::string ErrorOfParameter(std::string_view name, wire::ParameterView value) {
  InferRequestView view;
  view.parameters = {{name, value}};
  return ErrorOf(view);
}

std::string ErrorOfOutput(std::vector<wire::NamedParameterView> parameters) {
  InferRequestView view;
  view.outputs = {{"OUTPUT0", std::move(parameters)}};
  return ErrorOf(view);
}

std::string ErrorOfInput(std::vector<wire::NamedParameterView> parameters) {
  wire::InferInputView input = Named("INPUT0");
  input.parameters = std::move(parameters);
  return ErrorOf(View({input}));
}

}  // namespace

TEST(RawContentsAreBorrowedAndKeptAlive) {
  auto owner = std::make_shared<std::string>("abcdefgh");
  const Bytes raw[] = {AsBytes(*owner).first(4), AsBytes(*owner).subspan(4)};
  InferenceRequest request;
  CallOptions options;
  InferRequestView view = View({Named("INPUT0"), Named("INPUT1", "NONSENSE")});
  view.id = "7";
  CHECK(BuildRequest(view, raw, owner, {}, false, &request, &options).ok());
  REQUIRE(request.inputs.size() == 2);
  CHECK_EQ(request.inputs[1].data.text(), "efgh");
  CHECK_EQ(static_cast<const void*>(request.inputs[0].data.data), static_cast<const void*>(owner->data()));
  CHECK(request.inputs[0].data.owner == owner);
  CHECK(request.inputs[1].datatype == DataType::kInvalid);
  CHECK_EQ(RequestIdText(request), "[request id: 7] ");
}

TEST(EveryInputNeedsData) {
  const Bytes raw[] = {AsBytes("abcd")};
  CHECK_EQ(ErrorOf(View({Named("INPUT0"), Named("INPUT1")}), raw),
           "unable to find data for input tensor 'INPUT1' for model 'simple' in request.");
}

TEST(NamesAreUnique) {
  CHECK_EQ(ErrorOf(View({Named("INPUT0"), Named("INPUT1"), Named("INPUT0")})),
           "[request id: <id_unknown>] input 'INPUT0' already exists in request");
  InferRequestView view;
  view.outputs = {{"OUTPUT0", {}}, {"OUTPUT0", {}}};
  CHECK_EQ(ErrorOf(view), "[request id: <id_unknown>] output 'OUTPUT0' already exists in request");
}

TEST(TypedContentsMustFitTheDatatype) {
  const Bytes one = AsBytes("\x10\1");  // int_contents: [1].
  const std::string start = "unexpected explicit tensor data for input tensor 'INPUT0' for model 'simple'";
  CHECK_EQ(ErrorOf(View({Typed("INT32", {{6, one}})})), start + " of type 'FP32', expected datatype 'INT32'");
  CHECK_EQ(ErrorOf(View({Typed("INT32", {{2, one}, {6, one}})})), start + ", binary data was already supplied.");
  CHECK_EQ(ErrorOf(View({Typed("NONSENSE", {{2, one}})})), start + " of type 'INT32', expected datatype '<invalid>'");
  CHECK_EQ(ErrorOf(View({Typed("INT8", {{2, one}})})), "");
  CHECK_EQ(ErrorOf(View({Typed("INT32", {})})), "");
  const Bytes raw[] = {one};
  CHECK_EQ(ErrorOf(View({Typed("INT32", {{2, one}})}), raw),
           "contents field must not be specified when using raw_input_contents for 'INPUT0' for model 'simple'");
}

TEST(ParametersHaveTheirTypes) {
  const std::string_view text = "x";
  CHECK_EQ(ErrorOfParameter("priority", std::int64_t{-1}), "invalid value for 'priority', expected value >= 0.");
  CHECK_EQ(ErrorOfParameter("priority", text),
           "invalid value type for 'priority' parameter, expected int64_param or uint64_param.");
  CHECK_EQ(ErrorOfParameter("timeout", 1.5), "invalid value type for 'timeout' parameter, expected int64_param.");
  CHECK_EQ(ErrorOfParameter("sequence_id", true),
           "invalid value type for 'sequence_id' parameter, expected int64_param or string_param.");
  CHECK_EQ(ErrorOfParameter("sequence_start", text),
           "invalid value type for 'sequence_start' parameter, expected bool_param.");
  CHECK_EQ(ErrorOfParameter("triton_enable_empty_final_response", text),
           "invalid value type for 'triton_enable_empty_final_response' parameter, expected bool_param.");
  CHECK_EQ(ErrorOfParameter("triton_x", text),
           "parameter keys starting with 'triton_' are reserved for Triton usage. Only the following keys starting "
           "with 'triton_' are allowed: triton_enable_empty_final_response");
  CHECK_EQ(ErrorOfParameter("mine", std::monostate()),
           "invalid value type for 'mine' parameter, expected int64_param, bool_param, or string_param.");
}

TEST(ParametersReachTheRequest) {
  InferRequestView view;
  view.parameters = {{"priority", std::uint64_t{3}},
                     {"timeout", std::int64_t{1000}},
                     {"sequence_id", std::int64_t{-1}},
                     {"sequence_end", true},
                     {"triton_enable_empty_final_response", true},
                     {"mine", std::string_view("text")}};
  InferenceRequest request;
  CallOptions options;
  CHECK(BuildRequest(view, {}, nullptr, {}, false, &request, &options).ok());
  CHECK_EQ(request.priority, 3u);
  CHECK_EQ(request.timeout_microseconds, 1000u);
  CHECK(request.correlation_id == CorrelationId(~std::uint64_t{0}));
  CHECK_EQ(request.flags, kSequenceEnd);
  CHECK(options.empty_final_response);
  CHECK_EQ(request.parameters.size(), 1u);
  CHECK(*request.parameters.Find("mine") == ParameterValue(std::string("text")));
}

TEST(OutputsTakeClassification) {
  InferRequestView view;
  view.outputs = {{"OUTPUT0", {{"classification", std::int64_t{3}}, {"color", std::string_view("red")}}}};
  InferenceRequest request;
  CallOptions options;
  CHECK(BuildRequest(view, {}, nullptr, {}, false, &request, &options).ok());
  CHECK_EQ(request.outputs[0].class_count, 3u);
  CHECK(request.outputs[0].parameters.Find("color") != nullptr);
  CHECK_EQ(ErrorOfOutput({{"classification", true}}),
           "invalid value type for 'classification' parameter, expected int64_param");
  CHECK_EQ(ErrorOfOutput({{"classification", std::int64_t{0}}}),
           "invalid value for 'classification' parameter, expected >= 0");
}

TEST(ParametersOfRegionsAreChecked) {
  const wire::NamedParameterView region{"shared_memory_region", std::string_view("r")};
  const wire::NamedParameterView size{"shared_memory_byte_size", std::int64_t{4}};
  CHECK_EQ(ErrorOfInput({region}),
           "'shared_memory_byte_size' must be specified along with 'shared_memory_region' parameter for tensor "
           "'INPUT0'");
  CHECK_EQ(ErrorOfInput({size}),
           "'shared_memory_byte_size' can not be specified without 'shared_memory_region' parameter for tensor "
           "'INPUT0'");
  CHECK_EQ(ErrorOfInput({{"shared_memory_region", true}, size}),
           "invalid value type for 'shared_memory_region' parameter for tensor 'INPUT0', expected string_param.");
  CHECK_EQ(ErrorOfOutput({region, size, {"classification", std::int64_t{1}}}),
           "output can't set both 'shared_memory_region' and 'classification'");
}

TEST(TensorsLieInRegions) {
  const std::string key = "/tl_builder_" + std::to_string(::getpid());
  const FileDescriptor file(::shm_open(key.c_str(), O_RDWR | O_CREAT | O_EXCL, 0600));
  CHECK_EQ(::ftruncate(file.get(), 64), 0);
  RegionRegistry regions;
  CHECK(regions.RegisterSystem({"r", key, 0, 64}).ok());
  (void)::shm_unlink(key.c_str());
  const auto part = [](std::string_view name, std::int64_t offset, std::int64_t byte_size) {
    return std::vector<wire::NamedParameterView>{
        {"shared_memory_region", name}, {"shared_memory_offset", offset}, {"shared_memory_byte_size", byte_size}};
  };
  const auto build = [&](std::string_view datatype, std::vector<wire::NamedParameterView> parameters,
                         InferenceRequest* request, CallOptions* options, bool may_change = false) {
    wire::InferInputView input = Named("INPUT0", datatype);
    input.parameters = std::move(parameters);
    InferRequestView view;
    view.inputs = {input};
    view.outputs = {{"OUTPUT0", part("r", 32, 16)}};
    return BuildRequest(view, {}, nullptr, regions, may_change, request, options);
  };
  std::byte* const begin = regions.Find("r", 0, 64)->place.data;

  InferenceRequest request;
  CallOptions options;
  CHECK(build("FP32", part("r", 8, 4), &request, &options).ok());
  CHECK(request.inputs[0].data.data == begin + 8);
  CHECK_EQ(request.inputs[0].data.size, std::size_t{4});
  CHECK(request.outputs[0].region.data == begin + 32);
  CHECK_EQ(options.regions.checked.size(), std::size_t{2});

  // What its owner could change after the check is no longer in the region.
  for (const std::string_view datatype : {"INT32", "BOOL", "BYTES"}) {
    InferenceRequest copied;
    begin[8] = std::byte{5};
    CHECK(build(datatype, part("r", 8, 4), &copied, &options).ok());
    begin[8] = std::byte{6};
    CHECK(copied.inputs[0].data.data[0] == std::byte{5});

    // Unless that makes no difference; which bytes are a text always does.
    InferenceRequest changing;
    CHECK(build(datatype, part("r", 8, 4), &changing, &options, true).ok());
    CHECK_EQ(changing.inputs[0].data.data == begin + 8, datatype != "BYTES");
  }

  InferenceRequest failed;
  CHECK(build("FP32", part("none", 0, 4), &failed, &options).code() == Code::kNotFound);
  CHECK_EQ(build("FP32", part("r", 64, 4), &failed, &options).message(),
           "Invalid offset for shared memory region: 'r'");
  CHECK_EQ(build("FP32", part("r", 60, 8), &failed, &options).message(),
           "Invalid offset + byte size for shared memory region: 'r'");
  CHECK_EQ(build("FP32", part("r", 60, -1), &failed, &options).message(),
           "Integer overflow detected: byte_size (18446744073709551615) + offset (60) exceeds maximum value "
           "(18446744073709551615) for region 'r'");
  options = {};  // Nothing is in use any more.
  regions.UnregisterAll(RegionKind::kSystem);
  CHECK(build("FP32", part("r", 8, 4), &failed, &options).code() == Code::kNotFound);
  CHECK(request.inputs[0].data.data[0] == std::byte{6});  // Mapped as long as the request lives.
}

TEST(ARawRequestIsDeducedFromTheModel) {
  InferenceRequest request;
  const std::string bytes(24, 'x');
  CHECK(BuildRawRequest(*Serve(IdentitySpec(DataType::kFp32, {3, -1}, 4)), AsBytes(bytes), nullptr, &request).ok());
  CHECK((request.inputs[0].shape == Shape{1, 3, 2}));

  InferenceRequest text;
  CHECK(BuildRawRequest(*Serve(IdentitySpec(DataType::kBytes, {1}, 0)), AsBytes("abc"), nullptr, &text).ok());
  CHECK_EQ(text.inputs[0].data.text(), std::string_view("\3\0\0\0abc", 7));

  InferenceRequest refused;
  CHECK_EQ(BuildRawRequest(*Serve(SimpleSpec()), AsBytes(bytes), nullptr, &refused).message(),
           "[request id: <id_unknown>] Raw request must only have 1 input (found 1) to be deduced but got 2 inputs in "
           "'simple' model configuration");
  CHECK_EQ(
      BuildRawRequest(*Serve(IdentitySpec(DataType::kFp32, {-1, -1}, 0)), AsBytes(bytes), nullptr, &refused).message(),
      "[request id: <id_unknown>] The shape of the raw input 'INPUT0' can not be deduced because there are more "
      "than one variable-sized dimension");
  CHECK_EQ(
      BuildRawRequest(*Serve(IdentitySpec(DataType::kBytes, {-1}, 0)), AsBytes(bytes), nullptr, &refused).message(),
      "[request id: <id_unknown>] For BYTE datatype raw input 'INPUT0', the model must have input shape [1]");
}

TEST_MAIN()
