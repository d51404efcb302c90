#include "wire/region_parameters.h"

namespace triton_lite::wire {
namespace {

Status ReadNumber(const JsonValue& tensor, std::string_view name, std::uint64_t* number) {
  const std::optional<JsonValue> value = FindParameter(tensor, name);
  if (!value) {
    return {};
  }
  const Result<std::uint64_t> result = value->AsUint();
  RETURN_IF_ERROR(Labelled("Unable to parse '" + std::string(name) + "'", result.status()));
  *number = *result;
  return {};
}

}  // namespace

std::optional<JsonValue> FindParameter(const JsonValue& tensor, std::string_view name) {
  const std::optional<JsonValue> parameters = tensor.Find("parameters");
  return parameters ? parameters->Find(name) : std::nullopt;
}

Status ReadTextMember(const JsonValue& tensor, std::string_view member, std::string_view* text) {
  const std::string label = "Unable to parse '" + std::string(member) + "'";
  const Result<JsonValue> value = tensor.Member(member);
  RETURN_IF_ERROR(Labelled(label, value.status()));
  const Result<std::string_view> result = value->AsText();
  RETURN_IF_ERROR(Labelled(label, result.status()));
  *text = UpToNul(*result);
  return {};
}

Status ReadRegion(const JsonValue& tensor, RegionParameters* region) {
  if (const std::optional<JsonValue> name = FindParameter(tensor, "shared_memory_region")) {
    const Result<std::string_view> text = name->AsText();
    RETURN_IF_ERROR(Labelled("Unable to parse 'shared_memory_region'", text.status()));
    region->used = true;
    region->region = UpToNul(*text);
  }
  RETURN_IF_ERROR(ReadNumber(tensor, "shared_memory_offset", &region->offset));
  return ReadNumber(tensor, "shared_memory_byte_size", &region->byte_size);
}

void AddRegion(const RegionParameters& region, NamedValues* parameters) {
  parameters->emplace_back("shared_memory_region", std::string(region.region));
  parameters->emplace_back("shared_memory_offset", static_cast<std::int64_t>(region.offset));
  parameters->emplace_back("shared_memory_byte_size", static_cast<std::int64_t>(region.byte_size));
}

}  // namespace triton_lite::wire
