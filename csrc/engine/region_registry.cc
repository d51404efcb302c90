#include "engine/region_registry.h"

#include <limits>
#include <utility>

#include "engine/quoted.h"

namespace triton_lite {
namespace {

Status CheckPart(std::string_view name, std::uint64_t size, std::uint64_t offset, std::uint64_t byte_size) {
  const std::string quoted = Quoted(name);
  if (offset >= size) {
    return InvalidArgument("Invalid offset for shared memory region: " + quoted);
  }
  constexpr std::uint64_t kMost = std::numeric_limits<std::size_t>::max();
  if (byte_size > kMost - offset) {
    return InvalidArgument("Integer overflow detected: byte_size (" + std::to_string(byte_size) + ") + offset (" +
                           std::to_string(offset) + ") exceeds maximum value (" + std::to_string(kMost) +
                           ") for region " + quoted);
  }
  if (offset + byte_size > size) {
    return InvalidArgument("Invalid offset + byte size for shared memory region: " + quoted);
  }
  return {};
}

Status Missing(RegionKind kind, const std::string& name, bool other_kind) {
  const bool system = kind == RegionKind::kSystem;
  if (other_kind) {
    return NotFound(
        "The region named '" + name + "' is registered as " +
        (system ? "CUDA shared memory, not system shared memory" : "system shared memory, not CUDA shared memory"));
  }
  return NotFound("Unable to find " + std::string(system ? "system" : "cuda") + " shared memory region: '" + name +
                  "'");
}

RegionRegistry::Part PartOf(const SharedRegionPtr& region, std::uint64_t offset, std::size_t byte_size) {
  return {{region->data() + offset, byte_size, std::const_pointer_cast<SharedRegion>(region)}, region};
}

RegionRegistry::Part PartOf(const cuda::DeviceRegionPtr& region, std::uint64_t offset, std::size_t byte_size) {
  return {{region->data() + offset, byte_size, std::const_pointer_cast<cuda::DeviceRegion>(region), MemoryKind::kDevice,
           static_cast<std::int32_t>(region->device_id())},
          nullptr};
}

}  // namespace

// Mapped without the lock: it may take long. Whoever comes second with the name is refused.
Status RegionRegistry::RegisterSystem(const RegionInfo& info) {
  RETURN_IF_ERROR(CheckUnknown(info.name));
  ASSIGN_OR_RETURN(SharedRegionPtr region, SharedRegion::Map(info.name, info.key, info.offset, info.byte_size));
  return Add(info, std::move(region));
}

Status RegionRegistry::RegisterCuda(const RegionInfo& info, Bytes handle) {
  RETURN_IF_ERROR(CheckUnknown(info.name));
  ASSIGN_OR_RETURN(cuda::DeviceRegionPtr region,
                   cuda::DeviceRegion::Open(info.name, handle, info.device_id, info.byte_size));
  return Add(info, std::move(region));
}

Status RegionRegistry::CheckUnknown(const std::string& name) const {
  MutexLock lock(mu_);
  return entries_.contains(name)
             ? Status(Code::kAlreadyExists, "shared memory region '" + name + "' already in manager")
             : Status();
}

Status RegionRegistry::Add(const RegionInfo& info, Memory memory) {
  {
    MutexLock lock(mu_);
    if (entries_.try_emplace(info.name, Entry{info, memory}).second) {
      return {};
    }
  }
  return CheckUnknown(info.name);
}

void RegionRegistry::Unregister(RegionKind kind, const std::string& name) {
  Memory last;  // Let go of after the lock.
  MutexLock lock(mu_);
  if (const auto found = entries_.find(name); found != entries_.end() && found->second.kind() == kind) {
    last = std::move(found->second.memory);
    entries_.erase(found);
  }
}

void RegionRegistry::UnregisterAll(RegionKind kind) {
  std::vector<Memory> gone;
  MutexLock lock(mu_);
  std::erase_if(entries_, [&](auto& entry) {
    const bool leaves = entry.second.kind() == kind;
    if (leaves) {
      gone.push_back(std::move(entry.second.memory));
    }
    return leaves;
  });
}

Result<std::vector<RegionInfo>> RegionRegistry::List(RegionKind kind, const std::string& name) const {
  MutexLock lock(mu_);
  std::vector<RegionInfo> regions;
  for (const auto& [key, entry] : entries_) {
    if (entry.kind() == kind && (name.empty() || key == name)) {
      regions.push_back(entry.info);
    }
  }
  if (regions.empty() && !name.empty()) {
    return Missing(kind, name, entries_.contains(name));
  }
  return regions;
}

Result<RegionRegistry::Part> RegionRegistry::Find(std::string_view name, std::uint64_t offset,
                                                  std::uint64_t byte_size) const {
  MutexLock lock(mu_);
  const auto found = entries_.find(name);
  if (found == entries_.end()) {
    return NotFound("Unable to find shared memory region: '" + std::string(name) + "'");
  }
  return std::visit(
      [&](const auto& region) -> Result<Part> {
        RETURN_IF_ERROR(CheckPart(name, region->size(), offset, byte_size));
        return PartOf(region, offset, static_cast<std::size_t>(byte_size));
      },
      found->second.memory);
}

Status CheckIntact(const std::vector<SharedRegionPtr>& regions) {
  for (const SharedRegionPtr& region : regions) {
    if (region->damaged()) {
      return Internal("a shared memory region of the request was truncated by its owner");
    }
  }
  return {};
}

}  // namespace triton_lite
