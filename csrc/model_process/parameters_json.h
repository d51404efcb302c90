// Parameters of requests and responses as JSON objects: how model processes see and give them.
#pragma once

#include <string>
#include <string_view>

#include "core/parameters.h"
#include "core/status.h"

namespace triton_lite::model_process {

// "{}" when there are none.
std::string ToJson(const Parameters& parameters);

// INVALID_ARGUMENT unless `json` is an object of strings, integers, booleans and numbers. Empty text: none.
Result<Parameters> ParametersFromJson(std::string_view json);

}  // namespace triton_lite::model_process
