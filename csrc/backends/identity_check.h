// What a configuration of an identity model must be like.
#pragma once

#include "core/model_spec.h"
#include "core/status.h"

namespace triton_lite {

inline constexpr char kIdentityInput[] = "INPUT";
inline constexpr char kIdentityOutput[] = "OUTPUT";

// INVALID_ARGUMENT, with Triton's texts, unless inputs and outputs come in pairs INPUT<n>, OUTPUT<n> of the same type
// and shape.
Status CheckIdentitySpec(const ModelSpec& spec);

}  // namespace triton_lite
