// A model with a dynamic batcher, as a driver's "make" describes it:
//   max_batch=N  dynamic=1 (else the default scheduler)  preferred=N,N  delay=MICROSECONDS  preserve=1
//   levels=N default_level=N  policy=ACTION,TIMEOUT,OVERRIDE,SIZE  policy.LEVEL=...  (ACTION 0 REJECT, 1 DELAY)
//   input=NAME:DIM,DIM[:ragged|:shape|:optional] (any number of them)
#pragma once

#include <cstdint>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include "schedule/driver.h"

namespace triton_lite::testing {

inline std::uint64_t Number(const std::string& text) { return std::strtoull(text.c_str(), nullptr, 10); }

inline QueuePolicySpec ReadPolicy(const std::string& text) {
  const std::vector<std::string> fields = SplitText(text, ',');
  QueuePolicySpec policy;
  policy.timeout_action = static_cast<TimeoutAction>(Number(fields.at(0)));
  policy.default_timeout_microseconds = Number(fields.at(1));
  policy.allow_timeout_override = Number(fields.at(2)) != 0;
  policy.max_queue_size = static_cast<std::uint32_t>(Number(fields.at(3)));
  return policy;
}

inline TensorSpec ReadInput(const std::string& text) {
  const std::vector<std::string> parts = SplitText(text, ':');
  TensorSpec input;
  input.name = parts.at(0);
  input.datatype = DataType::kInt32;
  for (const std::string& dim : SplitText(parts.size() > 1 ? parts[1] : "", ',')) {
    input.dims.push_back(std::strtoll(dim.c_str(), nullptr, 10));
  }
  const std::string kind = parts.size() > 2 ? parts[2] : "";
  input.allow_ragged_batch = kind == "ragged";
  input.is_shape_tensor = kind == "shape";
  input.optional = kind == "optional";
  return input;
}

inline ModelSpec ReadModel(const Arguments& words) {
  ModelSpec spec;
  spec.name = "model";
  spec.max_batch_size = static_cast<std::int32_t>(words.number("max_batch"));
  for (const std::string& input : words.all("input")) {
    spec.inputs.push_back(ReadInput(input));
  }
  if (words.number("dynamic") == 0) {
    return spec;
  }
  DynamicBatchingSpec batching;
  for (const std::string& size : SplitText(words.text("preferred"), ',')) {
    batching.preferred_batch_size.push_back(static_cast<std::int32_t>(Number(size)));
  }
  batching.max_queue_delay_microseconds = words.number("delay");
  batching.preserve_ordering = words.number("preserve") != 0;
  batching.priority_levels = words.number("levels");
  batching.default_priority_level = words.number("default_level");
  if (words.has("policy")) {
    batching.default_queue_policy = ReadPolicy(words.text("policy"));
  }
  for (const auto& [level, policy] : words.with_prefix("policy.")) {
    batching.priority_queue_policy[Number(level)] = ReadPolicy(policy);
  }
  spec.scheduler = std::move(batching);
  return spec;
}

}  // namespace triton_lite::testing
