#include "engine/classification.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

namespace triton_lite {
namespace {

constexpr std::size_t kMaxElements = 1'000'000;

// A strict weak order also with NaN, which comes last.
template <typename T>
bool RanksBefore(T a, T b) {
  if constexpr (std::is_floating_point_v<T>) {
    if (std::isnan(a) || std::isnan(b)) {
      return !std::isnan(a) && std::isnan(b);
    }
  }
  return a > b;
}

void AppendElement(const std::string& text, std::string* bytes) {
  const auto length = static_cast<std::uint32_t>(text.size());
  bytes->append(reinterpret_cast<const char*>(&length), sizeof(length));
  bytes->append(text);
}

template <typename T>
void RankRow(Bytes row, const std::vector<std::string>& labels, std::size_t count, std::string* bytes) {
  std::vector<T> values(row.size() / sizeof(T));
  if (!values.empty()) {
    std::memcpy(values.data(), row.data(), values.size() * sizeof(T));
  }
  std::vector<std::size_t> index(values.size());
  std::iota(index.begin(), index.end(), 0);
  // Equal values come in the order of Triton's sort, which is this one.
  std::sort(index.begin(), index.end(),
            [&](std::size_t a, std::size_t b) { return RanksBefore(values[a], values[b]); });
  for (std::size_t k = 0; k < std::min(count, index.size()); ++k) {
    const std::size_t i = index[k];
    std::string text = std::to_string(values[i]) + ":" + std::to_string(i);
    if (i < labels.size() && !labels[i].empty()) {
      text += ":" + labels[i];
    }
    AppendElement(text, bytes);
  }
}

using Ranker = void (*)(Bytes, const std::vector<std::string>&, std::size_t, std::string*);

Ranker FindRanker(DataType datatype) {
  switch (datatype) {
    case DataType::kUint8:
      return RankRow<std::uint8_t>;
    case DataType::kUint16:
      return RankRow<std::uint16_t>;
    case DataType::kUint32:
      return RankRow<std::uint32_t>;
    case DataType::kUint64:
      return RankRow<std::uint64_t>;
    case DataType::kInt8:
      return RankRow<std::int8_t>;
    case DataType::kInt16:
      return RankRow<std::int16_t>;
    case DataType::kInt32:
      return RankRow<std::int32_t>;
    case DataType::kInt64:
      return RankRow<std::int64_t>;
    case DataType::kFp32:
      return RankRow<float>;
    case DataType::kFp64:
      return RankRow<double>;
    default:
      return nullptr;
  }
}

}  // namespace

Result<OutputTensor> Classify(const OutputTensor& output, const TensorSpec& spec, std::uint32_t count, bool batched,
                              OutputMemory* memory) {
  const Ranker rank = FindRanker(output.datatype);
  if (rank == nullptr) {
    return InvalidArgument("class result not available for output due to unsupported type '" +
                           std::string(DataTypeName(output.datatype)) + "'");
  }
  const bool has_rows = batched && !output.shape.empty() && output.shape[0] > 0;
  const std::size_t rows = has_rows ? static_cast<std::size_t>(output.shape[0]) : 1;
  const std::size_t row_byte_size = output.data.size / rows;
  const std::size_t classes = row_byte_size / ElementByteSize(output.datatype);
  if (classes > kMaxElements) {
    return InvalidArgument("classification output tensor too large");
  }
  std::string bytes;
  for (std::size_t row = 0; row < rows; ++row) {
    rank(output.data.bytes().subspan(row * row_byte_size, row_byte_size), spec.labels, count, &bytes);
  }
  OutputTensor ranked;
  ranked.name = output.name;
  ranked.datatype = DataType::kBytes;
  if (has_rows) {
    ranked.shape.push_back(output.shape[0]);
  }
  ranked.shape.push_back(static_cast<std::int64_t>(std::min<std::size_t>(count, classes)));
  ASSIGN_OR_RETURN(ranked.data, memory->Allocate(bytes.size()));
  if (!bytes.empty()) {
    std::memcpy(ranked.data.data, bytes.data(), bytes.size());
  }
  return ranked;
}

}  // namespace triton_lite
