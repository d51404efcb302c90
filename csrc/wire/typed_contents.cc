#include <cstring>

#include "wire/infer_decode.h"
#include "wire/infer_fields.h"

namespace triton_lite::wire {
namespace {

// How the elements of a field of InferTensorContents are encoded when each has a tag of its own.
bool ElementWireType(std::uint32_t field, WireType* type) {
  switch (field) {
    case contents_field::kBool:
    case contents_field::kInt:
    case contents_field::kInt64:
    case contents_field::kUint:
    case contents_field::kUint64:
      *type = WireType::kVarint;
      return true;
    case contents_field::kFp32:
      *type = WireType::kFixed32;
      return true;
    case contents_field::kFp64:
      *type = WireType::kFixed64;
      return true;
    case contents_field::kBytes:
      *type = WireType::kBytes;
      return true;
    default:
      return false;
  }
}

// No element is cut short and no varint is too long.
bool IsPackedWellFormed(WireType element, Bytes packed) {
  if (element == WireType::kFixed32) {
    return packed.size() % sizeof(std::uint32_t) == 0;
  }
  if (element == WireType::kFixed64) {
    return packed.size() % sizeof(std::uint64_t) == 0;
  }
  PbReader reader(packed);
  std::uint64_t value = 0;
  while (!reader.done()) {
    if (!reader.ReadVarint(&value)) {
      return false;
    }
  }
  return true;
}

void AppendRecord(std::uint32_t field, const std::byte* start, const std::byte* end, TypedContents* contents) {
  auto& fields = contents->fields;
  if (!fields.empty() && fields.back().first == field) {
    Bytes& run = fields.back().second;
    if (run.data() + run.size() == start) {
      run = Bytes(run.data(), end);
      return;
    }
  }
  fields.emplace_back(field, Bytes(start, end));
}

// One record of `reader`; appended when it holds elements.
bool ReadRecord(PbReader& reader, TypedContents* contents) {
  const std::byte* const start = reader.position();
  PbTag tag;
  if (!reader.ReadTag(&tag)) {
    return false;
  }
  WireType element = WireType::kVarint;
  const bool known = ElementWireType(tag.field, &element);
  if (known && tag.type == element) {
    if (!reader.Skip(tag)) {
      return false;
    }
    AppendRecord(tag.field, start, reader.position(), contents);
    return true;
  }
  if (!known || tag.type != WireType::kBytes) {
    return reader.Skip(tag);
  }
  Bytes packed;
  if (!reader.ReadBytes(&packed) || !IsPackedWellFormed(element, packed)) {
    return false;
  }
  if (!packed.empty()) {
    AppendRecord(tag.field, start, reader.position(), contents);
  }
  return true;
}

void AppendInteger(std::uint64_t value, std::size_t width, std::string* raw) {
  char bytes[sizeof(value)];
  std::memcpy(bytes, &value, sizeof(value));  // Little-endian: the low bytes come first.
  raw->append(bytes, width);
}

// Elements of one record, in the tensor's raw form.
class RecordConverter {
 public:
  RecordConverter(std::uint32_t field, std::size_t width, std::string* raw) : field_(field), width_(width), raw_(raw) {}

  bool Convert(Bytes records) {
    PbReader reader(records);
    while (!reader.done()) {
      PbTag tag;
      if (!reader.ReadTag(&tag) || !ConvertOne(reader, tag)) {
        return false;
      }
    }
    return true;
  }

 private:
  bool ConvertOne(PbReader& reader, PbTag tag) {
    if (tag.type == WireType::kVarint) {
      return ConvertVarint(reader);
    }
    if (tag.type == WireType::kFixed32) {
      return ConvertFixed<std::uint32_t>(reader);
    }
    if (tag.type == WireType::kFixed64) {
      return ConvertFixed<std::uint64_t>(reader);
    }
    Bytes bytes;
    if (tag.type != WireType::kBytes || !reader.ReadBytes(&bytes)) {
      return false;
    }
    if (field_ == contents_field::kBytes) {
      AppendInteger(bytes.size(), sizeof(std::uint32_t), raw_);
      raw_->append(AsText(bytes));
      return true;
    }
    return ConvertPacked(bytes);
  }

  bool ConvertPacked(Bytes packed) {
    if (field_ == contents_field::kFp32 || field_ == contents_field::kFp64) {
      raw_->append(AsText(packed));
      return true;
    }
    PbReader reader(packed);
    while (!reader.done()) {
      if (!ConvertVarint(reader)) {
        return false;
      }
    }
    return true;
  }

  bool ConvertVarint(PbReader& reader) {
    std::uint64_t value = 0;
    if (!reader.ReadVarint(&value)) {
      return false;
    }
    AppendInteger(field_ == contents_field::kBool ? static_cast<std::uint64_t>(value != 0) : value, width_, raw_);
    return true;
  }

  template <typename T>
  bool ConvertFixed(PbReader& reader) {
    T value = 0;
    if (!reader.ReadFixed(&value)) {
      return false;
    }
    AppendInteger(value, sizeof(T), raw_);
    return true;
  }

  std::uint32_t field_;
  std::size_t width_;
  std::string* raw_;
};

}  // namespace

bool ReadContents(PbReader& outer, TypedContents* contents) {
  Bytes message;
  if (!outer.ReadBytes(&message)) {
    return false;
  }
  contents->present = true;
  PbReader reader(message);
  while (!reader.done()) {
    if (!ReadRecord(reader, contents)) {
      return false;
    }
  }
  return true;
}

Result<std::string> TypedContentsToRaw(DataType datatype, std::uint32_t field, const TypedContents& contents) {
  std::string raw;
  RecordConverter converter(field, ElementByteSize(datatype), &raw);
  for (const auto& [number, records] : contents.fields) {
    if (number == field && !converter.Convert(records)) {
      return Internal("Unable to parse request");
    }
  }
  return raw;
}

}  // namespace triton_lite::wire
