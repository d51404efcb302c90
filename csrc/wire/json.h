// A parsed JSON text: a flat tape of 16-byte nodes over the text, which must outlive it. Accessors carry the error
// texts of Triton's JSON wrapper. Objects keep every member; a lookup finds the first of a name.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/datatype.h"
#include "core/status.h"

namespace triton_lite::wire {

enum class JsonType : std::uint8_t { kNull, kFalse, kTrue, kInt, kUint, kDouble, kString, kArray, kObject, kTensor };

// One value. Containers are followed by what they hold (objects: name, value, name, value, …).
struct JsonNode {
  JsonType type = JsonType::kNull;
  std::uint32_t size = 0;  // kString: bytes. Containers: nodes below. kTensor: index into JsonDocument::tensors.
  union {
    std::int64_t integer = 0;  // kInt: negative ones. Containers: how many elements or members.
    std::uint64_t natural;
    double real;
    const char* text;
  };
};
static_assert(sizeof(JsonNode) == 16);

// A "data" array that was converted while it was parsed: every element fits `datatype`.
struct JsonTensor {
  DataType datatype = DataType::kInvalid;
  std::int64_t element_count = 0;
  std::string bytes;
};

struct JsonDocument {
  std::vector<JsonNode> nodes;    // The root first.
  std::deque<std::string> texts;  // Strings that had escapes.
  std::vector<JsonTensor> tensors;
};

class JsonValue {
 public:
  JsonValue() = default;
  JsonValue(const JsonDocument* document, std::size_t index) : document_(document), index_(index) {}

  JsonType type() const { return node().type; }
  bool IsNull() const { return type() == JsonType::kNull; }
  bool IsBool() const { return type() == JsonType::kFalse || type() == JsonType::kTrue; }
  bool IsString() const { return type() == JsonType::kString; }
  bool IsNumber() const { return type() >= JsonType::kInt && type() <= JsonType::kDouble; }
  bool IsInt() const { return type() == JsonType::kInt || (type() == JsonType::kUint && node().natural <= kMaxInt); }
  bool IsArray() const { return type() == JsonType::kArray || type() == JsonType::kTensor; }
  bool IsObject() const { return type() == JsonType::kObject; }

  // Elements or members; 0 for anything else.
  std::size_t size() const;

  // The first member of that name; nothing when there is none or this is no object.
  std::optional<JsonValue> Find(std::string_view name) const;

  // INTERNAL "attempt to access JSON non-… as …" when the value is of another type.
  Result<bool> AsBool() const;
  Result<std::int64_t> AsInt() const;
  Result<std::uint64_t> AsUint() const;
  Result<double> AsDouble() const;
  Result<std::string_view> AsText() const;

  // The member as an array; INTERNAL when there is none or it is of another type.
  Result<JsonValue> MemberAsArray(std::string_view name) const;
  // The member; INTERNAL "attempt to access non-existing object member …".
  Result<JsonValue> Member(std::string_view name) const;

  // Walking: `for (JsonValue item = v.first(); item != v.end(); item = item.next())`. In objects, names and values
  // take turns. A kTensor has no elements to walk.
  JsonValue first() const { return {document_, index_ + 1}; }
  JsonValue next() const { return {document_, index_ + 1 + below()}; }
  JsonValue end() const { return next(); }
  friend bool operator==(const JsonValue& a, const JsonValue& b) { return a.index_ == b.index_; }

  // The converted elements of a kTensor, else null.
  const JsonTensor* tensor() const;
  std::size_t tensor_index() const { return node().size; }  // Into JsonDocument::tensors.

 private:
  static constexpr std::uint64_t kMaxInt = INT64_MAX;

  const JsonNode& node() const { return document_->nodes[index_]; }
  std::size_t below() const {
    return node().type == JsonType::kArray || node().type == JsonType::kObject ? node().size : 0;
  }

  const JsonDocument* document_ = nullptr;
  std::size_t index_ = 0;
};

// What the parser may do beyond JSON.
enum class JsonTensors : std::uint8_t {
  kNone,         // Every array becomes nodes.
  kInferInputs,  // "data" of the elements of the root's "inputs" becomes a kTensor where it fits "datatype".
};

// Parses the whole of `text` (below 4 GiB). INTERNAL "failed to parse the request JSON buffer: … at OFFSET" as
// RapidJSON words it (NaN, Infinity and -Infinity are numbers). Nesting is bounded by memory only, never by the stack.
Status ParseJson(std::string_view text, JsonTensors tensors, JsonDocument* document);

inline JsonValue Root(const JsonDocument& document) { return {&document, 0}; }

}  // namespace triton_lite::wire
