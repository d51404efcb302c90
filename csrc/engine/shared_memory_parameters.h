// The parameters by which a tensor says that it lies in a registered region (shared-memory extensions).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "core/status.h"
#include "wire/infer_message.h"

namespace triton_lite {

// The part of a region that a tensor lies in, as its client names it.
struct NamedRegionPart {
  std::string_view region;
  std::uint64_t offset = 0;
  std::uint64_t byte_size = 0;
};

// Nothing when the tensor lies in no region. INVALID_ARGUMENT for incomplete or mistyped parameters.
Result<std::optional<NamedRegionPart>> ReadRegionPart(std::string_view tensor,
                                                      std::span<const wire::NamedParameterView> parameters);

// What Triton says where clients may not use shared memory. UNIMPLEMENTED.
Status RegionsDisabled();

// RegionsDisabled if any tensor of the request lies in a region.
Status CheckUsesNoRegion(const wire::InferRequestView& view);

}  // namespace triton_lite
