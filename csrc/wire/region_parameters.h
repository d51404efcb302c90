// Shared-memory parameters of a tensor in an HTTP inference request. Internal to wire/.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "core/status.h"
#include "wire/http_text.h"
#include "wire/json.h"

namespace triton_lite::wire {

struct RegionParameters {
  bool used = false;  // "shared_memory_region" is there.
  std::string_view region;
  std::uint64_t offset = 0;
  std::uint64_t byte_size = 0;
};

// A member of the tensor's "parameters".
std::optional<JsonValue> FindParameter(const JsonValue& tensor, std::string_view name);

// A member of the tensor itself that must be text.
Status ReadTextMember(const JsonValue& tensor, std::string_view member, std::string_view* text);

Status ReadRegion(const JsonValue& tensor, RegionParameters* region);

// As gRPC clients name a region; the numbers keep their bits.
void AddRegion(const RegionParameters& region, NamedValues* parameters);

}  // namespace triton_lite::wire
