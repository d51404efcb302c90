// Whether the bytes of a tensor are those of its shape. Arithmetic cannot overflow, nothing is read past the end.
#pragma once

#include <string>
#include <string_view>

#include "core/request.h"
#include "core/status.h"

namespace triton_lite {

// Checks `input.data` against `input.model_shape`: the byte size, or the framing of each BYTES element.
// A last string that runs past the end goes to `in_model` if that is OK still: Triton leaves it to the backend.
Status CheckTensorBytes(const InputTensor& input, std::string_view model_name, const InferenceRequest& request,
                        Status* in_model);

}  // namespace triton_lite
