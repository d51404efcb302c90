#include "wire/json.h"

namespace triton_lite::wire {

std::size_t JsonValue::size() const {
  switch (type()) {
    case JsonType::kArray:
    case JsonType::kObject:
      return static_cast<std::size_t>(node().integer);
    case JsonType::kTensor:
      return static_cast<std::size_t>(tensor()->element_count);
    default:
      return 0;
  }
}

std::optional<JsonValue> JsonValue::Find(std::string_view name) const {
  if (!IsObject()) {
    return std::nullopt;
  }
  for (JsonValue key = first(); key != end();) {
    const JsonValue value = key.next();
    if (std::string_view(key.node().text, key.node().size) == name) {
      return value;
    }
    key = value.next();
  }
  return std::nullopt;
}

Result<bool> JsonValue::AsBool() const {
  if (!IsBool()) {
    return Internal("attempt to access JSON non-boolean as boolean");
  }
  return type() == JsonType::kTrue;
}

Result<std::int64_t> JsonValue::AsInt() const {
  if (!IsInt()) {
    return Internal("attempt to access JSON non-signed-integer as signed-integer");
  }
  return type() == JsonType::kInt ? node().integer : static_cast<std::int64_t>(node().natural);
}

Result<std::uint64_t> JsonValue::AsUint() const {
  if (type() != JsonType::kUint) {
    return Internal("attempt to access JSON non-unsigned-integer as unsigned-integer");
  }
  return node().natural;
}

Result<double> JsonValue::AsDouble() const {
  switch (type()) {
    case JsonType::kInt:
      return static_cast<double>(node().integer);
    case JsonType::kUint:
      return static_cast<double>(node().natural);
    case JsonType::kDouble:
      return node().real;
    default:
      return Internal("attempt to access JSON non-number as double");
  }
}

Result<std::string_view> JsonValue::AsText() const {
  if (!IsString()) {
    return Internal("attempt to access JSON non-string as string");
  }
  return std::string_view(node().text, node().size);
}

Result<JsonValue> JsonValue::Member(std::string_view name) const {
  const std::optional<JsonValue> member = Find(name);
  if (!member) {
    return Internal("attempt to access non-existing object member '" + std::string(name) + "'");
  }
  return *member;
}

Result<JsonValue> JsonValue::MemberAsArray(std::string_view name) const {
  Result<JsonValue> member = Member(name);
  if (member.ok() && !member->IsArray()) {
    return Internal("attempt to access JSON non-array as array");
  }
  return member;
}

const JsonTensor* JsonValue::tensor() const {
  return type() == JsonType::kTensor ? &document_->tensors[node().size] : nullptr;
}

}  // namespace triton_lite::wire
