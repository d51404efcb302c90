// "inputs" and "outputs" of an HTTP inference request. Internal to wire/.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/bytes.h"
#include "core/parameters.h"
#include "core/shape.h"
#include "wire/http_infer.h"
#include "wire/http_text.h"
#include "wire/infer_message.h"
#include "wire/json.h"

namespace triton_lite::wire {

struct InferLimits {
  std::string_view model_name;            // For texts.
  std::uint64_t max_input_byte_size = 0;  // 0: unlimited.
};

// Reads both lists, in Triton's order of checks. Takes converted tensors out of `document`.
class TensorReader {
 public:
  TensorReader(const InferLimits& limits, JsonDocument* document, Bytes tail, HttpInferCall* call)
      : limits_(limits), document_(document), tail_(tail), call_(call) {}

  Status ReadInputs(const JsonValue& root);
  Status ReadOutputs(const JsonValue& root);

  // `request` with the inputs and outputs read here.
  std::string Encode(InferRequestBuilder request) const;

 private:
  struct Input {
    std::string_view name;
    std::string_view datatype;
    Shape shape;
    NamedValues parameters;
  };
  struct Output {
    std::string_view name;
    NamedValues parameters;
  };

  Status ReadInput(const JsonValue& json);
  Status ReadInputData(const JsonValue& json, Input* input);
  Status TakeFromTail(std::uint64_t byte_size, std::string_view input);
  Status ConvertData(const JsonValue& json, const Input& input);
  Status ConvertElements(const JsonValue& data, const Input& input, std::int64_t element_count);
  Status CheckByteSize(const Input& input, std::uint64_t byte_size) const;
  Status ReadOutput(const JsonValue& json);

  InferLimits limits_;
  JsonDocument* document_;
  Bytes tail_;  // What no input took yet.
  HttpInferCall* call_;
  std::vector<Input> inputs_;
  std::vector<Output> outputs_;
};

}  // namespace triton_lite::wire
