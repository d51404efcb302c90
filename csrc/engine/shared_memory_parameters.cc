#include "engine/shared_memory_parameters.h"

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

// An integer that only makes sense beside the region's name.
Status CheckNumber(std::string_view name, const ParameterView* value, std::string_view tensor, bool has_region) {
  if (value == nullptr) {
    return {};
  }
  if (!has_region) {
    return InvalidArgument(Quoted(name) + " can not be specified without 'shared_memory_region' parameter for tensor " +
                           Quoted(tensor));
  }
  return std::holds_alternative<std::int64_t>(*value) ? Status() : WrongType(name, tensor, "int64_param");
}

}  // namespace

Result<bool> UsesSharedMemory(std::string_view tensor, std::span<const NamedParameterView> parameters) {
  if (parameters.empty()) {
    return false;
  }
  const ParameterView* region = Find(parameters, "shared_memory_region");
  if (region != nullptr && !std::holds_alternative<std::string_view>(*region)) {
    return WrongType("shared_memory_region", tensor, "string_param");
  }
  RETURN_IF_ERROR(
      CheckNumber("shared_memory_offset", Find(parameters, "shared_memory_offset"), tensor, region != nullptr));
  const ParameterView* byte_size = Find(parameters, "shared_memory_byte_size");
  RETURN_IF_ERROR(CheckNumber("shared_memory_byte_size", byte_size, tensor, region != nullptr));
  if (region != nullptr && byte_size == nullptr) {
    return InvalidArgument(
        "'shared_memory_byte_size' must be specified along with 'shared_memory_region' parameter for tensor '" +
        std::string(tensor) + "'");
  }
  return region != nullptr;
}

Status SharedMemoryNotBuilt() { return Unimplemented("shared memory regions are not supported by this server yet"); }

}  // namespace triton_lite
