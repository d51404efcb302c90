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

}  // namespace

Status RegionRegistry::Register(const RegionInfo& info) {
  // Mapped without the lock: it may take long. Whoever comes second with the name is refused.
  const auto known = [&]() -> Status {
    MutexLock lock(mu_);
    return entries_.contains(info.name)
               ? Status(Code::kAlreadyExists, "shared memory region '" + info.name + "' already in manager")
               : Status();
  };
  RETURN_IF_ERROR(known());
  ASSIGN_OR_RETURN(SharedRegionPtr region, SharedRegion::Map(info.name, info.key, info.offset, info.byte_size));
  {
    MutexLock lock(mu_);
    if (entries_.try_emplace(info.name, Entry{info, std::move(region)}).second) {
      return {};
    }
  }
  return known();
}

void RegionRegistry::Unregister(const std::string& name) {
  SharedRegionPtr last;  // Unmapped after the lock is let go.
  MutexLock lock(mu_);
  if (const auto found = entries_.find(name); found != entries_.end()) {
    last = std::move(found->second.region);
    entries_.erase(found);
  }
}

void RegionRegistry::UnregisterAll() {
  decltype(entries_) gone;
  MutexLock lock(mu_);
  gone.swap(entries_);
}

Result<std::vector<RegionInfo>> RegionRegistry::List(const std::string& name) const {
  MutexLock lock(mu_);
  std::vector<RegionInfo> regions;
  for (const auto& [key, entry] : entries_) {
    if (name.empty() || key == name) {
      regions.push_back(entry.info);
    }
  }
  if (regions.empty() && !name.empty()) {
    return NotFound("Unable to find system shared memory region: '" + name + "'");
  }
  return regions;
}

Result<RegionRegistry::Part> RegionRegistry::Find(std::string_view name, std::uint64_t offset,
                                                  std::uint64_t byte_size) const {
  SharedRegionPtr region;
  {
    MutexLock lock(mu_);
    const auto found = entries_.find(name);
    if (found == entries_.end()) {
      return NotFound("Unable to find shared memory region: '" + std::string(name) + "'");
    }
    region = found->second.region;
  }
  RETURN_IF_ERROR(CheckPart(name, region->size(), offset, byte_size));
  std::byte* const data = region->data() + offset;
  return Part{data, static_cast<std::size_t>(byte_size), std::move(region)};
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
