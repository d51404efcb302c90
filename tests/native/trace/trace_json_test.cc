#include "trace/trace_json.h"

#include <cstring>

#include "check.h"
#include "trace/fakes.h"

using namespace triton_lite;

namespace {

template <typename T>
std::string BytesOf(std::initializer_list<T> values) {
  std::string bytes(values.size() * sizeof(T), '\0');
  std::memcpy(bytes.data(), values.begin(), bytes.size());
  return bytes;
}

}  // namespace

TEST(WritesARequestAsTritonDoes) {
  TraceRecord record = testing::Record(7);
  record.received = {{"HTTP_RECV_START", 1}};
  record.sent = {{"HTTP_SEND_END", 20}};
  record.requests[0].request_id = "a\"b";
  record.requests[0].parent_id = 3;
  record.requests[0].tensors.push_back(
      {TensorActivity::kQueueInput, "INPUT0", DataType::kInt32, Shape{1, 2}, BytesOf<std::int32_t>({1, -2})});
  CHECK_EQ(
      TraceToJson(record),
      R"({"id":7,"timestamps":[{"name":"HTTP_RECV_START","ns":1}]},)"
      R"({"id":7,"model_name":"simple","model_version":1,"request_id":"a\"b","parent_id":3},)"
      R"({"id":7,"timestamps":[{"name":"REQUEST_START","ns":10}]},)"
      R"({"id":7,"timestamps":[{"name":"QUEUE_START","ns":11}]},)"
      R"({"id":7,"activity":"TENSOR_QUEUE_INPUT","tensor":{"name":"INPUT0","data":"1,-2","shape":"1,2","dtype":"INT32"}},)"
      R"({"id":7,"timestamps":[{"name":"REQUEST_END","ns":12}]},)"
      R"({"id":7,"timestamps":[{"name":"HTTP_SEND_END","ns":20}]})");
}

TEST(LeavesOutWhatWasNotRecorded) {
  TraceRecord record;
  CHECK_EQ(TraceToJson(record), "");
  record = testing::Record();
  record.requests[0].events.clear();
  record.requests[0].tensors.push_back(
      {TensorActivity::kBackendOutput, "OUT", DataType::kBool, Shape{3}, std::string("\1\0\1", 3)});
  CHECK_EQ(
      TraceToJson(record),
      R"({"id":1,"activity":"TENSOR_BACKEND_OUTPUT","tensor":{"name":"OUT","data":"1,0,1","shape":"3","dtype":"BOOL"}})");
}

TEST(PrintsElementsAsStreamsDo) {
  CHECK_EQ(TensorToText(DataType::kFp32, Shape{4}, BytesOf<float>({1.0F, 0.1F, 1e10F, 41.25F})), "1,0.1,1e+10,41.25");
  CHECK_EQ(TensorToText(DataType::kFp64, Shape{2}, BytesOf<double>({1234567.0, -0.5})), "1.23457e+06,-0.5");
  CHECK_EQ(TensorToText(DataType::kUint8, Shape{2}, BytesOf<std::uint8_t>({0, 255})), "0,255");
  CHECK_EQ(TensorToText(DataType::kInt8, Shape{2}, BytesOf<std::int8_t>({-1, 5})), "-1,5");
  CHECK_EQ(TensorToText(DataType::kUint64, Shape{1}, BytesOf<std::uint64_t>({~0ULL})), "18446744073709551615");
  CHECK_EQ(TensorToText(DataType::kFp16, Shape{1}, std::string(2, '\1')), "");
  CHECK_EQ(TensorToText(DataType::kInt32, Shape{0, 4}, ""), "");
}

TEST(PrintsStringsInQuotationMarks) {
  const std::string bytes = std::string("\3\0\0\0abc", 7) + std::string("\0\0\0\0", 4);
  CHECK_EQ(TensorToText(DataType::kBytes, Shape{2}, bytes), R"("abc","")");
  CHECK_EQ(TensorToText(DataType::kBytes, Shape{3}, bytes), R"("abc","")");
}

TEST(StopsWhereTheBytesEnd) {
  CHECK_EQ(TensorToText(DataType::kInt32, Shape{4}, BytesOf<std::int32_t>({1, 2})), "1,2");
  CHECK_EQ(TensorToText(DataType::kBytes, Shape{1}, std::string("\xFF\xFF\xFF\xFF", 4)), "");
  CHECK_EQ(TensorToText(DataType::kBytes, Shape{1}, "\1"), "");
}

TEST_MAIN()
