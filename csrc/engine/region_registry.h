// The shared-memory regions that clients have registered (system shared memory extension).
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "core/buffer.h"
#include "core/mutex.h"
#include "core/status.h"
#include "memory/shared_region.h"

namespace triton_lite {

// What a client said of a region.
struct RegionInfo {
  std::string name;
  std::string key;
  std::uint64_t offset = 0;
  std::uint64_t byte_size = 0;
};

// Thread-safe. A region that is unregistered stays mapped for the requests that use it.
class RegionRegistry {
 public:
  // ALREADY_EXISTS, or why the region cannot be mapped; nothing is registered then.
  Status Register(const RegionInfo& info) EXCLUDES(mu_);
  // A name that is not registered is no error.
  void Unregister(const std::string& name) EXCLUDES(mu_);
  void UnregisterAll() EXCLUDES(mu_);

  // All regions by name, or the one of that name. NOT_FOUND.
  Result<std::vector<RegionInfo>> List(const std::string& name) const EXCLUDES(mu_);

  // A part of a region. NOT_FOUND; INVALID_ARGUMENT when it is not inside.
  struct Part {
    std::byte* data = nullptr;
    std::size_t byte_size = 0;
    SharedRegionPtr region;
  };
  Result<Part> Find(std::string_view name, std::uint64_t offset, std::uint64_t byte_size) const EXCLUDES(mu_);

 private:
  struct Entry {
    RegionInfo info;
    SharedRegionPtr region;
  };

  mutable Mutex mu_;
  std::map<std::string, Entry, std::less<>> entries_ GUARDED_BY(mu_);
};

// Several parts may lie in one region. INTERNAL when any region was found truncated.
Status CheckIntact(const std::vector<SharedRegionPtr>& regions);

}  // namespace triton_lite
