// The bytes of any tensor to JSON and back, both ways.
//
// The input: a byte that chooses the datatype, whether there are as many elements as the bytes say, then the bytes.
#include <cstring>
#include <string>

#include "core/datatype.h"
#include "fuzz.h"
#include "wire/json.h"
#include "wire/json_tensor.h"
#include "wire/json_writer.h"

using namespace triton_lite;
using namespace triton_lite::fuzz;

namespace {

// Of BYTES: as many as are whole.
std::int64_t CountOf(DataType datatype, Bytes bytes) {
  if (const std::size_t width = ElementByteSize(datatype); width > 0) {
    return static_cast<std::int64_t>(bytes.size() / width);
  }
  std::int64_t count = 0;
  std::uint32_t length = 0;
  while (bytes.size() >= sizeof(length)) {
    std::memcpy(&length, bytes.data(), sizeof(length));
    if (length > bytes.size() - sizeof(length)) {
      break;
    }
    bytes = bytes.subspan(sizeof(length) + length);
    ++count;
  }
  return count;
}

std::string Written(DataType datatype, std::int64_t count, Bytes bytes) {
  std::string text;
  HOLDS(wire::AppendJsonTensor("T", datatype, count, bytes, &text).ok());
  return text;
}

// NaNs lose their payload, so what is compared is what they are written as.
void CheckSame(DataType datatype, std::int64_t count, std::string_view bytes, const std::string& text) {
  HOLDS(Written(datatype, count, AsBytes(bytes)) == text);
}

}  // namespace

FUZZ_TARGET(input) {
  const auto datatype = static_cast<DataType>(input.Take<std::uint8_t>() % 15);
  const auto more = static_cast<std::int8_t>(input.Take<std::uint8_t>());
  const Bytes bytes = input.TakeRest();
  const std::int64_t count = CountOf(datatype, bytes) + more;
  std::string text;
  if (!wire::AppendJsonTensor("T", datatype, count, bytes, &text).ok()) {
    return;
  }
  HOLDS(count >= 0);
  wire::JsonDocument document;
  HOLDS(wire::ParseJson(text, wire::JsonTensors::kNone, &document).ok());
  std::string again;
  std::int64_t converted = 0;
  HOLDS(wire::ConvertNodes(datatype, wire::Root(document), count, &again, &converted).ok());
  HOLDS(converted == count);
  CheckSame(datatype, count, again, text);
  const bool is_real = IsFloatingPoint(datatype);
  HOLDS(is_real || datatype == DataType::kBool || AsText(bytes).starts_with(again));

  const std::string request =
      R"({"inputs":[{"datatype":")" + std::string(DataTypeName(datatype)) + R"(","data":)" + text + "}]}";
  wire::JsonDocument fast;
  HOLDS(wire::ParseJson(request, wire::JsonTensors::kInferInputs, &fast).ok());
  HOLDS(fast.tensors.size() == 1 && fast.tensors[0].element_count == count);
  CheckSame(datatype, count, fast.tensors[0].bytes, text);
}
