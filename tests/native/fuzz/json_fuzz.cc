// The JSON parser and writer: what is read is written and read as the same; the fast way for tensors agrees with the
// general one.
#include <cmath>
#include <string>
#include <vector>

#include "fuzz.h"
#include "wire/json.h"
#include "wire/json_tensor.h"
#include "wire/json_writer.h"

using namespace triton_lite;
using namespace triton_lite::fuzz;
using wire::JsonDocument;
using wire::JsonTensors;
using wire::JsonType;
using wire::JsonValue;

namespace {

void AppendScalar(const JsonValue& value, std::string* out) {
  switch (value.type()) {
    case JsonType::kNull:
      *out += "null";
      return;
    case JsonType::kTrue:
    case JsonType::kFalse:
      *out += *value.AsBool() ? "true" : "false";
      return;
    case JsonType::kInt:
      wire::AppendJsonInt(*value.AsInt(), out);
      return;
    case JsonType::kUint:
      wire::AppendJsonUint(*value.AsUint(), out);
      return;
    case JsonType::kDouble:
      wire::AppendJsonDouble(*value.AsDouble(), out);
      return;
    default:
      wire::AppendJsonText(*value.AsText(), out);
  }
}

// Without recursion, as deep as the text may be.
std::string Write(const JsonDocument& document) {
  struct Open {
    JsonValue next;
    JsonValue end;
    bool is_object;
    bool at_name;
    std::size_t left;
  };
  std::string text;
  std::vector<Open> open;
  JsonValue value = wire::Root(document);
  while (true) {
    if (value.IsArray() || value.IsObject()) {
      text.push_back(value.IsArray() ? '[' : '{');
      open.push_back({value.first(), value.end(), value.IsObject(), true, value.size()});
    } else {
      AppendScalar(value, &text);
    }
    while (!open.empty() && open.back().next == open.back().end) {
      HOLDS(open.back().left == 0);  // As many as were counted.
      text.push_back(open.back().is_object ? '}' : ']');
      open.pop_back();
    }
    if (open.empty()) {
      return text;
    }
    Open& around = open.back();
    if (text.back() != '[' && text.back() != '{' && text.back() != ':') {
      text.push_back(',');
    }
    if (around.is_object) {
      HOLDS(around.next.IsString());
      AppendScalar(around.next, &text);
      text.push_back(':');
      around.next = around.next.next();
    }
    HOLDS(around.left > 0);
    --around.left;
    value = around.next;
    around.next = value.next();
  }
}

// Whatever was converted while it was parsed, the general way converts to the same.
void CheckTensors(const JsonDocument& fast, const JsonDocument& general) {
  const auto inputs = wire::Root(fast).Find("inputs");
  const auto others = wire::Root(general).Find("inputs");
  HOLDS(inputs.has_value() == others.has_value());
  if (!inputs || !inputs->IsArray()) {
    return;
  }
  HOLDS(inputs->size() == others->size());
  JsonValue other = others->first();
  for (JsonValue item = inputs->first(); item != inputs->end(); item = item.next(), other = other.next()) {
    const auto data = item.Find("data");
    const wire::JsonTensor* const tensor = data ? data->tensor() : nullptr;
    if (tensor == nullptr) {
      continue;
    }
    std::string bytes;
    std::int64_t count = 0;
    HOLDS(wire::ConvertNodes(tensor->datatype, *other.Find("data"), tensor->element_count, &bytes, &count).ok());
    HOLDS(count == tensor->element_count && bytes == tensor->bytes);
  }
}

}  // namespace

FUZZ_TARGET(input) {
  const std::string_view text = AsText(input.TakeRest());
  JsonDocument document;
  JsonDocument fast;
  const Status status = wire::ParseJson(text, JsonTensors::kNone, &document);
  HOLDS(wire::ParseJson(text, JsonTensors::kInferInputs, &fast) == status);
  if (!status.ok()) {
    HOLDS(status.code() == Code::kInternal);
    return;
  }
  CheckTensors(fast, document);
  const std::string written = Write(document);
  JsonDocument again;
  HOLDS(wire::ParseJson(written, JsonTensors::kNone, &again).ok());
  HOLDS(again.nodes.size() == document.nodes.size());
  HOLDS(Write(again) == written);
}
