#include "engine/region_registry.h"

#include <iterator>
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

Status AlreadyThere(const std::string& name) {
  return {Code::kAlreadyExists, "shared memory region '" + name + "' already in manager"};
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
  return {{region->data() + offset, byte_size, std::const_pointer_cast<SharedRegion>(region)}, region, nullptr};
}

RegionRegistry::Part PartOf(const cuda::DeviceRegionPtr& region, std::uint64_t offset, std::size_t byte_size) {
  return {{region->data() + offset, byte_size, std::const_pointer_cast<cuda::DeviceRegion>(region), MemoryKind::kDevice,
           static_cast<std::int32_t>(region->device_id())},
          nullptr,
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

const RegionRegistry::Entry* RegionRegistry::FindEntry(std::string_view name) const {
  const auto found = entries_.find(name);
  return found == entries_.end() || found->second.gone() ? nullptr : &found->second;
}

Status RegionRegistry::CheckUnknown(const std::string& name) const {
  MutexLock lock(mu_);
  return FindEntry(name) != nullptr ? AlreadyThere(name) : Status();
}

Status RegionRegistry::Add(const RegionInfo& info, Memory memory) {
  const auto kind = static_cast<RegionKind>(memory.index());
  const auto shared = std::make_shared<const Memory>(std::move(memory));
  MutexLock lock(mu_);
  Sweep();
  return entries_.try_emplace(info.name, Entry{info, kind, shared, shared}).second ? Status() : AlreadyThere(info.name);
}

RegionRegistry::MemoryPtr RegionRegistry::Leave(Entries::iterator entry) {
  MemoryPtr memory = std::move(entry->second.registered);
  if (memory.use_count() == 1) {
    entries_.erase(entry);
  } else if (memory != nullptr) {
    ++leaving_;
  }
  return memory;
}

void RegionRegistry::Sweep() {
  if (leaving_ > 0) {
    leaving_ -= std::erase_if(entries_, [](const auto& entry) { return entry.second.gone(); });
  }
}

void RegionRegistry::Unregister(RegionKind kind, const std::string& name) {
  MemoryPtr last;
  MutexLock lock(mu_);
  if (const auto found = entries_.find(name); found != entries_.end() && found->second.kind == kind) {
    last = Leave(found);
  }
  Sweep();
}

void RegionRegistry::UnregisterAll(RegionKind kind) {
  std::vector<MemoryPtr> last;
  MutexLock lock(mu_);
  for (auto entry = entries_.begin(); entry != entries_.end();) {
    const auto next = std::next(entry);
    if (entry->second.kind == kind) {
      last.push_back(Leave(entry));
    }
    entry = next;
  }
  Sweep();
}

Result<std::vector<RegionInfo>> RegionRegistry::List(RegionKind kind, const std::string& name) const {
  MutexLock lock(mu_);
  std::vector<RegionInfo> regions;
  for (const auto& [key, entry] : entries_) {
    if (entry.kind == kind && (name.empty() || key == name) && !entry.gone()) {
      regions.push_back(entry.info);
    }
  }
  if (regions.empty() && !name.empty()) {
    return Missing(kind, name, FindEntry(name) != nullptr);
  }
  return regions;
}

Result<RegionRegistry::Part> RegionRegistry::Find(std::string_view name, std::uint64_t offset,
                                                  std::uint64_t byte_size) const {
  MutexLock lock(mu_);
  const Entry* const entry = FindEntry(name);
  MemoryPtr memory = entry == nullptr ? nullptr : entry->used.lock();
  if (memory == nullptr) {
    return NotFound("Unable to find shared memory region: '" + std::string(name) + "'");
  }
  ASSIGN_OR_RETURN(Part part, std::visit(
                                  [&](const auto& region) -> Result<Part> {
                                    RETURN_IF_ERROR(CheckPart(name, region->size(), offset, byte_size));
                                    return PartOf(region, offset, static_cast<std::size_t>(byte_size));
                                  },
                                  *memory));
  part.use = std::move(memory);
  return part;
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
