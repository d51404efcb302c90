#include "cache/answer_blob.h"

#include <cstring>
#include <type_traits>

namespace triton_lite {
namespace {

constexpr std::uint64_t kFormat = 0x3130616c74697274;  // "tritla01"
constexpr std::uint64_t kMostOutputs = 1 << 16;
constexpr std::uint64_t kMostDims = 64;

void PutNumber(std::uint64_t number, std::string* out) {
  out->append(reinterpret_cast<const char*>(&number), sizeof(number));
}

void PutText(std::string_view text, std::string* out) {
  PutNumber(text.size(), out);
  out->append(text);
}

void PutParameter(const std::string& name, const ParameterValue& value, std::string* out) {
  PutText(name, out);
  PutNumber(value.index(), out);
  std::visit(
      [out](const auto& held) {
        if constexpr (std::is_same_v<std::decay_t<decltype(held)>, std::string>) {
          PutText(held, out);
        } else {
          std::uint64_t bits = 0;
          std::memcpy(&bits, &held, sizeof(held));
          PutNumber(bits, out);
        }
      },
      value);
}

// Reads what is there, and nothing beyond it.
class Reader {
 public:
  explicit Reader(const Buffer& blob) : blob_(blob) {}

  bool Number(std::uint64_t* number) {
    if (blob_.size - at_ < sizeof(*number)) {
      return false;
    }
    std::memcpy(number, blob_.data + at_, sizeof(*number));
    at_ += sizeof(*number);
    return true;
  }

  // A part of the blob that shares its owner.
  bool Part(Buffer* part) {
    std::uint64_t size = 0;
    if (!Number(&size) || size > blob_.size - at_) {
      return false;
    }
    *part = blob_;
    part->data += at_;
    part->size = static_cast<std::size_t>(size);
    at_ += part->size;
    return true;
  }

  bool Text(std::string* text) {
    Buffer part;
    if (!Part(&part)) {
      return false;
    }
    *text = part.text();
    return true;
  }

  bool at_end() const { return at_ == blob_.size; }

 private:
  const Buffer& blob_;
  std::size_t at_ = 0;
};

template <typename T>
ParameterValue FromBits(std::uint64_t bits) {
  T value{};
  std::memcpy(&value, &bits, sizeof(value));
  return value;
}

bool GetParameter(Reader& reader, Parameters* parameters) {
  std::string name;
  std::uint64_t kind = 0;
  std::uint64_t bits = 0;
  std::string text;
  if (!reader.Text(&name) || !reader.Number(&kind) || kind >= std::variant_size_v<ParameterValue>) {
    return false;
  }
  if (kind == 4) {
    if (!reader.Text(&text)) {
      return false;
    }
    parameters->Set(std::move(name), std::move(text));
    return true;
  }
  if (!reader.Number(&bits)) {
    return false;
  }
  switch (kind) {
    case 0:
      parameters->Set(std::move(name), bits != 0);
      break;
    case 1:
      parameters->Set(std::move(name), FromBits<std::int64_t>(bits));
      break;
    case 2:
      parameters->Set(std::move(name), bits);
      break;
    default:
      parameters->Set(std::move(name), FromBits<double>(bits));
  }
  return true;
}

// Elements of BYTES, each after its length of 4 bytes, and nothing else.
bool HoldsStrings(Bytes data, std::int64_t count) {
  for (; count > 0; --count) {
    std::uint32_t size = 0;
    if (data.size() < sizeof(size)) {
      return false;
    }
    std::memcpy(&size, data.data(), sizeof(size));
    if (size > data.size() - sizeof(size)) {
      return false;
    }
    data = data.subspan(sizeof(size) + size);
  }
  return data.empty();
}

bool GetOutput(Reader& reader, OutputTensor* output) {
  std::uint64_t datatype = 0;
  std::uint64_t rank = 0;
  if (!reader.Text(&output->name) || !reader.Number(&datatype) || datatype > static_cast<unsigned>(DataType::kBf16) ||
      !reader.Number(&rank) || rank > kMostDims) {
    return false;
  }
  output->datatype = static_cast<DataType>(datatype);
  for (std::uint64_t i = 0; i < rank; ++i) {
    std::uint64_t dim = 0;
    if (!reader.Number(&dim)) {
      return false;
    }
    output->shape.push_back(static_cast<std::int64_t>(dim));
  }
  if (!reader.Part(&output->data)) {
    return false;
  }
  // What does not fill its shape would be read beyond its end.
  const auto elements = ElementCount(output->shape);
  if (!elements.has_value()) {
    return false;
  }
  return output->datatype == DataType::kBytes
             ? HoldsStrings(output->data.bytes(), *elements)
             : output->data.size == static_cast<std::size_t>(*elements) * ElementByteSize(output->datatype);
}

bool Get(Reader& reader, InferenceResponse* response) {
  std::uint64_t format = 0;
  std::uint64_t outputs = 0;
  std::uint64_t parameters = 0;
  if (!reader.Number(&format) || format != kFormat || !reader.Number(&outputs) || outputs > kMostOutputs ||
      !reader.Number(&parameters) || parameters > kMostOutputs) {
    return false;
  }
  for (std::uint64_t i = 0; i < outputs; ++i) {
    response->outputs.emplace_back();
    if (!GetOutput(reader, &response->outputs.back())) {
      return false;
    }
  }
  for (std::uint64_t i = 0; i < parameters; ++i) {
    if (!GetParameter(reader, &response->parameters)) {
      return false;
    }
  }
  return reader.at_end();
}

}  // namespace

Result<std::string> WriteAnswer(const InferenceResponse& response) {
  std::size_t byte_size = 256;
  for (const OutputTensor& output : response.outputs) {
    byte_size += output.data.size + 256;
  }
  std::string blob;
  blob.reserve(byte_size);
  PutNumber(kFormat, &blob);
  PutNumber(response.outputs.size(), &blob);
  PutNumber(response.parameters.size(), &blob);
  for (const OutputTensor& output : response.outputs) {
    if (output.data.kind == MemoryKind::kDevice) {
      return InvalidArgument("Only input buffers in CPU memory are allowed in cache currently");
    }
    PutText(output.name, &blob);
    PutNumber(static_cast<std::uint64_t>(output.datatype), &blob);
    PutNumber(output.shape.size(), &blob);
    for (const std::int64_t dim : output.shape) {
      PutNumber(static_cast<std::uint64_t>(dim), &blob);
    }
    PutText(output.data.text(), &blob);
  }
  for (const auto& [name, value] : response.parameters) {
    PutParameter(name, value, &blob);
  }
  return blob;
}

Result<InferenceResponse> ReadAnswer(const Buffer& blob) {
  Reader reader(blob);
  InferenceResponse response;
  if (!Get(reader, &response)) {
    return InvalidArgument("the cache holds something that is no answer");
  }
  return response;
}

}  // namespace triton_lite
