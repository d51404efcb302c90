#include <limits>

#include "wire/json.h"
#include "wire/json_scan.h"
#include "wire/json_tensor.h"

namespace triton_lite::wire {
namespace {

constexpr std::uint32_t kNoContainer = std::numeric_limits<std::uint32_t>::max();

// Where the elements of the root's "inputs" lie: root object, array, element.
constexpr std::uint32_t kInputsDepth = 1;
constexpr std::uint32_t kInputDepth = 3;

const char* LastSquare(std::string_view text) {
  const std::size_t at = text.rfind(']');
  return at == std::string_view::npos ? nullptr : text.data() + at;
}

// While a container is open its node's `size` is the index of the container around it: no stack besides the tape.
class JsonParser {
 public:
  JsonParser(std::string_view text, JsonTensors tensors, JsonDocument* document)
      : cursor_{text.data(), text.data() + text.size()},
        last_square_(LastSquare(text)),
        capture_(tensors == JsonTensors::kInferInputs && last_square_ != nullptr),
        document_(document) {}

  JsonError Parse() {
    SkipByteOrderMark();
    cursor_.SkipSpace();
    if (cursor_.Peek() == '\0') {
      return {"The document is empty.", cursor_.at};
    }
    do {
      if (const JsonError error = ParseValue()) {
        return error;
      }
      if (const JsonError error = FinishContainers()) {
        return error;
      }
    } while (open_ != kNoContainer);
    cursor_.SkipSpace();
    if (cursor_.Peek() != '\0') {
      return {"The document root must not be followed by other values.", cursor_.at};
    }
    return {};
  }

 private:
  enum class Key : std::uint8_t { kOther, kInputs, kDatatype, kData };

  void SkipByteOrderMark() {
    const std::string_view text(cursor_.at, static_cast<std::size_t>(cursor_.end - cursor_.at));
    cursor_.at += text.starts_with("\xEF\xBB\xBF") ? 3 : 0;
  }

  JsonNode& Push(JsonType type) {
    JsonNode& node = document_->nodes.emplace_back();
    node.type = type;
    return node;
  }

  // One scalar, or the beginning of a container up to its first value.
  JsonError ParseValue() {
    while (true) {
      const char c = cursor_.Peek();
      if (c == '[' && CaptureTensor()) {
        return {};
      }
      if (c != '[' && c != '{') {
        return ParseScalar(c);
      }
      Open(c == '[' ? JsonType::kArray : JsonType::kObject);
      if (cursor_.Consume(c == '[' ? ']' : '}')) {
        Close();
        return {};
      }
      if (c == '{') {
        if (const JsonError error = ParseKey()) {
          return error;
        }
      }
      key_ = c == '{' ? key_ : Key::kOther;
    }
  }

  JsonError ParseScalar(char c) {
    CountValue();
    if (c == '"') {
      ++cursor_.at;
      std::string_view text;
      const JsonError error = ParseText(&text);
      if (!error && key_ == Key::kDatatype && datatype_ == DataType::kInvalid) {
        datatype_ = ParseDataType(text.substr(0, text.find('\0')));
      }
      return error;
    }
    JsonNode& node = Push(JsonType::kNull);
    return c == 't' || c == 'f' || c == 'n' ? ScanLiteral(&cursor_, &node) : ScanNumber(&cursor_, &node);
  }

  // Behind the quotation mark; pushes a kString.
  JsonError ParseText(std::string_view* text) {
    std::string unescaped;
    if (const JsonError error = ScanString(&cursor_, &unescaped, text)) {
      return error;
    }
    if (!unescaped.empty()) {
      *text = document_->texts.emplace_back(std::move(unescaped));
    }
    JsonNode& node = Push(JsonType::kString);
    node.text = text->data();
    node.size = static_cast<std::uint32_t>(text->size());
    return {};
  }

  JsonError ParseKey() {
    if (!cursor_.Consume('"')) {
      return {kMissName, cursor_.at};
    }
    std::string_view name;
    if (const JsonError error = ParseText(&name)) {
      return error;
    }
    key_ = capture_ ? KeyOf(name) : Key::kOther;
    cursor_.SkipSpace();
    if (!cursor_.Consume(':')) {
      return {kMissColon, cursor_.at};
    }
    cursor_.SkipSpace();
    return {};
  }

  Key KeyOf(std::string_view name) const {
    if (depth_ == kInputsDepth && name == "inputs") {
      return Key::kInputs;
    }
    if (depth_ != kInputDepth || !in_inputs_) {
      return Key::kOther;
    }
    return name == "datatype" ? Key::kDatatype : name == "data" ? Key::kData : Key::kOther;
  }

  // A value of the innermost container begins.
  void CountValue() {
    if (open_ != kNoContainer) {
      ++document_->nodes[open_].integer;
    }
  }

  void Open(JsonType type) {
    CountValue();
    ++cursor_.at;
    cursor_.SkipSpace();
    const auto index = static_cast<std::uint32_t>(document_->nodes.size());
    Push(type).size = open_;
    open_ = index;
    if (depth_ == kInputsDepth) {
      in_inputs_ = key_ == Key::kInputs && type == JsonType::kArray;
    }
    ++depth_;
    if (depth_ == kInputDepth) {
      datatype_ = DataType::kInvalid;
      captured_ = false;
    }
  }

  void Close() {
    JsonNode& node = document_->nodes[open_];
    const std::uint32_t around = node.size;
    node.size = static_cast<std::uint32_t>(document_->nodes.size() - open_ - 1);
    open_ = around;
    --depth_;
  }

  // After a value: closes what ends here and stops before the next value, or at the end of the root.
  JsonError FinishContainers() {
    while (open_ != kNoContainer) {
      cursor_.SkipSpace();
      const bool in_array = document_->nodes[open_].type == JsonType::kArray;
      if (cursor_.Consume(',')) {
        cursor_.SkipSpace();
        key_ = Key::kOther;
        return in_array ? JsonError{} : ParseKey();
      }
      if (!cursor_.Consume(in_array ? ']' : '}')) {
        return {in_array ? kMissCommaOrSquare : kMissCommaOrCurly, cursor_.at};
      }
      Close();
    }
    return {};
  }

  // Converts the first "data" of an input at once when all of it fits the datatype that was named before it.
  bool CaptureTensor() {
    if (key_ != Key::kData || captured_) {
      return false;
    }
    captured_ = true;
    JsonTensor tensor;
    JsonCursor cursor = cursor_;
    if (!ConvertTensor(datatype_, last_square_, &cursor, &tensor)) {
      return false;
    }
    cursor_ = cursor;
    CountValue();
    Push(JsonType::kTensor).size = static_cast<std::uint32_t>(document_->tensors.size());
    document_->tensors.push_back(std::move(tensor));
    return true;
  }

  JsonCursor cursor_;
  const char* const last_square_;
  const bool capture_;
  JsonDocument* document_;
  std::uint32_t open_ = kNoContainer;
  std::uint32_t depth_ = 0;  // Open containers.
  Key key_ = Key::kOther;    // Of the value that comes next.
  bool in_inputs_ = false;
  bool captured_ = false;
  DataType datatype_ = DataType::kInvalid;  // Of the input that is open.
};

}  // namespace

Status ParseJson(std::string_view text, JsonTensors tensors, JsonDocument* document) {
  if (text.size() >= kNoContainer) {
    return Internal("failed to parse the request JSON buffer: more than 4 GiB of JSON");
  }
  if (const JsonError error = JsonParser(text, tensors, document).Parse()) {
    return Internal("failed to parse the request JSON buffer: " + std::string(error.text) + " at " +
                    std::to_string(error.at - text.data()));
  }
  return {};
}

}  // namespace triton_lite::wire
