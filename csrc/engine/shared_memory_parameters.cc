#include "engine/shared_memory_parameters.h"

#include <algorithm>
#include <string>

#include "engine/quoted.h"

namespace triton_lite {
namespace {

using wire::NamedParameterView;
using wire::ParameterView;

const ParameterView* Find(std::span<const NamedParameterView> parameters, std::string_view name) {
  for (const NamedParameterView& parameter : parameters) {
    if (parameter.name == name) {
      return &parameter.value;
    }
  }
  return nullptr;
}

Status WrongType(std::string_view name, std::string_view tensor, std::string_view expected) {
  return InvalidArgument("invalid value type for " + Quoted(name) + " parameter for tensor " + Quoted(tensor) +
                         ", expected " + std::string(expected) + ".");
}

// An integer that only makes sense beside the region's name. HTTP's unsigned numbers keep their bits.
Result<std::uint64_t> ReadNumber(std::string_view name, const ParameterView* value, std::string_view tensor,
                                 bool has_region) {
  if (value == nullptr) {
    return std::uint64_t{0};
  }
  if (!has_region) {
    return InvalidArgument(Quoted(name) + " can not be specified without 'shared_memory_region' parameter for tensor " +
                           Quoted(tensor));
  }
  const auto* number = std::get_if<std::int64_t>(value);
  if (number == nullptr) {
    return WrongType(name, tensor, "int64_param");
  }
  return static_cast<std::uint64_t>(*number);
}

}  // namespace

Result<std::optional<NamedRegionPart>> ReadRegionPart(std::string_view tensor,
                                                      std::span<const NamedParameterView> parameters) {
  if (parameters.empty()) {
    return std::optional<NamedRegionPart>();
  }
  const ParameterView* value = Find(parameters, "shared_memory_region");
  const auto* name = value == nullptr ? nullptr : std::get_if<std::string_view>(value);
  if (value != nullptr && name == nullptr) {
    return WrongType("shared_memory_region", tensor, "string_param");
  }
  ASSIGN_OR_RETURN(
      const std::uint64_t offset,
      ReadNumber("shared_memory_offset", Find(parameters, "shared_memory_offset"), tensor, name != nullptr));
  const ParameterView* size = Find(parameters, "shared_memory_byte_size");
  ASSIGN_OR_RETURN(const std::uint64_t byte_size, ReadNumber("shared_memory_byte_size", size, tensor, name != nullptr));
  if (name == nullptr) {
    return std::optional<NamedRegionPart>();
  }
  if (size == nullptr) {
    return InvalidArgument(
        "'shared_memory_byte_size' must be specified along with 'shared_memory_region' parameter for tensor '" +
        std::string(tensor) + "'");
  }
  return std::optional(NamedRegionPart{*name, offset, byte_size});
}

Status RegionsDisabled() {
  return Unimplemented("Client shared memory is disabled. Start the server with '--allow-client-shm=true' to enable.");
}

Status CheckUsesNoRegion(const wire::InferRequestView& view) {
  const auto in_region = [](const auto& tensor) { return Find(tensor.parameters, "shared_memory_region") != nullptr; };
  const bool used = std::any_of(view.inputs.begin(), view.inputs.end(), in_region) ||
                    std::any_of(view.outputs.begin(), view.outputs.end(), in_region);
  return used ? RegionsDisabled() : Status();
}

}  // namespace triton_lite
