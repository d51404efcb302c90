#include "wire/infer_decode.h"

#include <unordered_map>

#include "wire/infer_fields.h"
#include "wire/utf8.h"

namespace triton_lite::wire {
namespace {

// Up to this many parameters a search through them is cheaper than a table.
constexpr std::size_t kFewParameters = 16;

bool ReadParameterField(PbReader& reader, PbTag tag, ParameterView* value) {
  std::uint64_t number = 0;
  double real = 0;
  if (tag.field == parameter_field::kDouble && tag.type == WireType::kFixed64) {
    if (!reader.ReadFixed(&real)) {
      return false;
    }
    *value = real;
    return true;
  }
  if (tag.type != WireType::kVarint) {
    return reader.Skip(tag);
  }
  if (!reader.ReadVarint(&number)) {
    return false;
  }
  switch (tag.field) {
    case parameter_field::kBool:
      *value = number != 0;
      break;
    case parameter_field::kInt64:
      *value = static_cast<std::int64_t>(number);
      break;
    case parameter_field::kUint64:
      *value = number;
      break;
    default:
      break;
  }
  return true;
}

}  // namespace

bool InferMessageReader::ReadText(PbReader& reader, std::string_view* text) const {
  Bytes bytes;
  if (!reader.ReadBytes(&bytes)) {
    return false;
  }
  *text = AsText(bytes);
  return !check_text_ || IsUtf8(*text);
}

bool InferMessageReader::ReadParameterValue(Bytes message, ParameterView* value) const {
  PbReader reader(message);
  PbTag tag;
  while (!reader.done()) {
    if (!reader.ReadTag(&tag)) {
      return false;
    }
    if (tag.field == parameter_field::kString && tag.type == WireType::kBytes) {
      std::string_view text;
      if (!ReadText(reader, &text)) {
        return false;
      }
      *value = text;
    } else if (!ReadParameterField(reader, tag, value)) {
      return false;
    }
  }
  return true;
}

bool InferMessageReader::ReadParameter(PbReader& outer, std::vector<NamedParameterView>* parameters) const {
  Bytes entry;
  if (!outer.ReadBytes(&entry)) {
    return false;
  }
  NamedParameterView parameter;
  PbReader reader(entry);
  PbTag tag;
  while (!reader.done()) {
    if (!reader.ReadTag(&tag)) {
      return false;
    }
    bool well_formed = false;
    if (tag.field == entry_field::kKey && tag.type == WireType::kBytes) {
      well_formed = ReadText(reader, &parameter.name);
    } else if (tag.field == entry_field::kValue && tag.type == WireType::kBytes) {
      Bytes value;
      well_formed = reader.ReadBytes(&value) && ReadParameterValue(value, &parameter.value);
    } else {
      well_formed = reader.Skip(tag);
    }
    if (!well_formed) {
      return false;
    }
  }
  parameters->push_back(parameter);
  return true;
}

bool ReadShape(PbReader& reader, PbTag tag, Shape* shape) {
  std::uint64_t dim = 0;
  if (tag.type == WireType::kVarint) {
    if (!reader.ReadVarint(&dim)) {
      return false;
    }
    shape->push_back(static_cast<std::int64_t>(dim));
    return true;
  }
  if (tag.type != WireType::kBytes) {
    return reader.Skip(tag);
  }
  Bytes packed;
  if (!reader.ReadBytes(&packed)) {
    return false;
  }
  PbReader dims(packed);
  while (!dims.done()) {
    if (!dims.ReadVarint(&dim)) {
      return false;
    }
    shape->push_back(static_cast<std::int64_t>(dim));
  }
  return true;
}

void KeepLastOfEachName(std::vector<NamedParameterView>* parameters) {
  std::vector<NamedParameterView> kept;
  if (parameters->size() < 2) {
    return;
  }
  kept.reserve(parameters->size());
  std::unordered_map<std::string_view, std::size_t> table;
  const bool few = parameters->size() <= kFewParameters;
  const auto find = [&](std::string_view name) {
    if (few) {
      std::size_t i = 0;
      while (i < kept.size() && kept[i].name != name) {
        ++i;
      }
      return i;
    }
    return table.emplace(name, kept.size()).first->second;
  };
  for (const NamedParameterView& parameter : *parameters) {
    const std::size_t at = find(parameter.name);
    if (at < kept.size()) {
      kept[at] = parameter;
    } else {
      kept.push_back(parameter);
    }
  }
  *parameters = std::move(kept);
}

}  // namespace triton_lite::wire
