#include "engine/classification.h"

#include <cmath>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "check.h"
#include "engine/fakes.h"

using namespace triton_lite;
using namespace triton_lite::testing;

namespace {

class HeapMemory final : public OutputMemory {
 public:
  Result<Buffer> Allocate(std::size_t byte_size) override { return AllocateHeap(byte_size); }
};

template <typename T>
OutputTensor Scores(DataType datatype, Shape shape, std::vector<T> values) {
  return {"OUTPUT0", datatype, std::move(shape),
          Owned(std::string(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)))};
}

std::vector<std::string> Elements(const OutputTensor& tensor) {
  std::vector<std::string> elements;
  std::string_view rest = tensor.data.text();
  while (rest.size() >= 4) {
    std::uint32_t length = 0;
    std::memcpy(&length, rest.data(), sizeof(length));
    elements.emplace_back(rest.substr(4, length));
    rest.remove_prefix(4 + length);
  }
  return elements;
}

using Strings = std::vector<std::string>;

}  // namespace

TEST(RanksEachRowWithLabels) {
  HeapMemory memory;
  TensorSpec spec = Tensor("OUTPUT0", DataType::kFp32, {3});
  spec.labels = {"apple", "banana"};
  const auto ranked =
      Classify(Scores<float>(DataType::kFp32, {2, 3}, {0.5f, 3, 2, 4, 0, 2.0625f}), spec, 2, true, &memory);
  REQUIRE(ranked.ok());
  CHECK(ranked->datatype == DataType::kBytes);
  CHECK((ranked->shape == Shape{2, 2}));
  CHECK((Elements(*ranked) == Strings{"3.000000:1:banana", "2.000000:2", "4.000000:0:apple", "2.062500:2"}));
}

TEST(RanksOneTensorWithoutBatch) {
  HeapMemory memory;
  const TensorSpec spec = Tensor("OUTPUT0", DataType::kInt8, {2, 2});
  const auto ranked = Classify(Scores<std::int8_t>(DataType::kInt8, {2, 2}, {-3, 7, 7, 1}), spec, 9, false, &memory);
  REQUIRE(ranked.ok());
  CHECK((ranked->shape == Shape{4}));
  CHECK((Elements(*ranked) == Strings{"7:1", "7:2", "1:3", "-3:0"}));
}

TEST(NanRanksLast) {
  HeapMemory memory;
  const double nan = std::numeric_limits<double>::quiet_NaN();
  std::vector<double> values(64, nan);
  values[40] = -1;
  const auto ranked = Classify(Scores<double>(DataType::kFp64, {1, 64}, values),
                               Tensor("OUTPUT0", DataType::kFp64, {64}), 1, true, &memory);
  REQUIRE(ranked.ok());
  CHECK((Elements(*ranked) == Strings{"-1.000000:40"}));
}

TEST(RefusesWhatIsNoNumber) {
  HeapMemory memory;
  for (const DataType datatype : {DataType::kBool, DataType::kBytes, DataType::kFp16, DataType::kBf16}) {
    const auto ranked =
        Classify(Scores<std::uint16_t>(datatype, {1, 2}, {1, 2}), Tensor("OUTPUT0", datatype, {2}), 1, true, &memory);
    CHECK_EQ(ranked.status().message(), "class result not available for output due to unsupported type '" +
                                            std::string(DataTypeName(datatype)) + "'");
    CHECK(ranked.status().code() == Code::kInvalidArgument);
  }
}

TEST(RefusesHugeRows) {
  HeapMemory memory;
  const auto ranked =
      Classify(Scores<std::uint8_t>(DataType::kUint8, {1, 1'000'001}, std::vector<std::uint8_t>(1'000'001)),
               Tensor("OUTPUT0", DataType::kUint8, {-1}), 1, true, &memory);
  CHECK_EQ(ranked.status().message(), "classification output tensor too large");
}

TEST(AnEmptyTensorHasNoClasses) {
  HeapMemory memory;
  const auto ranked =
      Classify(Scores<float>(DataType::kFp32, {2, 0}, {}), Tensor("OUTPUT0", DataType::kFp32, {-1}), 3, true, &memory);
  REQUIRE(ranked.ok());
  CHECK((ranked->shape == Shape{2, 0}));
  CHECK_EQ(ranked->data.size, 0u);
}

TEST_MAIN()
