// Writes what was read of an inference message again, to see that nothing is lost on the way.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "fuzz.h"
#include "wire/infer_message.h"

namespace triton_lite::fuzz {

using NamedValues = std::vector<std::pair<std::string, ParameterValue>>;

// Those without a value cannot be written.
inline NamedValues ValuesOf(const std::vector<wire::NamedParameterView>& views) {
  NamedValues values;
  for (const wire::NamedParameterView& view : views) {
    std::visit(
        [&](const auto& value) {
          using T = std::decay_t<decltype(value)>;
          if constexpr (std::is_same_v<T, std::string_view>) {
            values.emplace_back(view.name, std::string(value));
          } else if constexpr (!std::is_same_v<T, std::monostate>) {
            values.emplace_back(view.name, value);
          }
        },
        view.value);
  }
  return values;
}

// Without contents.
inline std::string EncodeAgain(const wire::InferRequestView& view) {
  const NamedValues parameters = ValuesOf(view.parameters);
  std::vector<NamedValues> tensor_parameters;
  tensor_parameters.reserve(view.inputs.size() + view.outputs.size());  // What it holds is borrowed below.
  std::vector<wire::InferRequestBuilder::Input> inputs;
  for (const wire::InferInputView& input : view.inputs) {
    inputs.push_back(
        {input.name, input.datatype, input.shape.dims(), tensor_parameters.emplace_back(ValuesOf(input.parameters))});
  }
  std::vector<wire::InferRequestBuilder::Output> outputs;
  for (const wire::InferOutputView& output : view.outputs) {
    outputs.push_back({output.name, tensor_parameters.emplace_back(ValuesOf(output.parameters))});
  }
  wire::InferRequestBuilder builder;
  builder.model_name = view.model_name;
  builder.model_version = view.model_version;
  builder.id = view.id;
  builder.parameters = parameters;
  builder.inputs = inputs;
  builder.outputs = outputs;
  builder.from_http = view.from_http;
  return wire::EncodeInferRequest(builder);
}

// What is written is read as what it was written from.
inline void CheckEncodesAgain(const wire::InferRequestView& view) {
  const std::string message = EncodeAgain(view);
  wire::InferRequestView again;
  HOLDS(wire::DecodeInferRequest(AsBytes(message), &again, /*may_be_http=*/true).ok());
  HOLDS(EncodeAgain(again) == message);
  HOLDS(again.from_http == view.from_http && again.model_name == view.model_name && again.id == view.id);
  HOLDS(again.inputs.size() == view.inputs.size() && again.outputs.size() == view.outputs.size());
  for (std::size_t i = 0; i < view.inputs.size(); ++i) {
    HOLDS(again.inputs[i].name == view.inputs[i].name && again.inputs[i].shape == view.inputs[i].shape);
  }
}

}  // namespace triton_lite::fuzz
