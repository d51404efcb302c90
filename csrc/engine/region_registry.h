// The shared-memory regions that clients have registered (system and CUDA shared memory extensions).
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/buffer.h"
#include "core/mutex.h"
#include "core/status.h"
#include "cuda/device_region.h"
#include "memory/shared_region.h"

namespace triton_lite {

enum class RegionKind : std::uint8_t { kSystem, kCuda };

// What a client said of a region.
struct RegionInfo {
  std::string name;
  std::string key;           // System only.
  std::uint64_t offset = 0;  // System only.
  std::uint64_t byte_size = 0;
  std::int64_t device_id = 0;  // CUDA only.
};

// Thread-safe. Both kinds share one space of names. A region that is unregistered stays mapped for the requests that
// use it.
class RegionRegistry {
 public:
  // ALREADY_EXISTS, or why the region cannot be mapped; nothing is registered then.
  Status RegisterSystem(const RegionInfo& info) EXCLUDES(mu_);
  // `handle`: the bytes of a cudaIpcMemHandle_t.
  Status RegisterCuda(const RegionInfo& info, Bytes handle) EXCLUDES(mu_);
  // A name that is not registered, or is one of the other kind, is no error.
  void Unregister(RegionKind kind, const std::string& name) EXCLUDES(mu_);
  void UnregisterAll(RegionKind kind) EXCLUDES(mu_);

  // All regions of a kind by name, or the one of that name. NOT_FOUND.
  Result<std::vector<RegionInfo>> List(RegionKind kind, const std::string& name) const EXCLUDES(mu_);

  // A part of a region. NOT_FOUND; INVALID_ARGUMENT when it is not inside.
  struct Part {
    Buffer place;             // Keeps the region.
    SharedRegionPtr checked;  // The region whose truncation has to be looked for; null on a GPU.
  };
  Result<Part> Find(std::string_view name, std::uint64_t offset, std::uint64_t byte_size) const EXCLUDES(mu_);

 private:
  using Memory = std::variant<SharedRegionPtr, cuda::DeviceRegionPtr>;
  struct Entry {
    RegionInfo info;
    Memory memory;  // In the order of RegionKind.
    RegionKind kind() const { return static_cast<RegionKind>(memory.index()); }
  };

  Status CheckUnknown(const std::string& name) const EXCLUDES(mu_);
  Status Add(const RegionInfo& info, Memory memory) EXCLUDES(mu_);

  mutable Mutex mu_;
  std::map<std::string, Entry, std::less<>> entries_ GUARDED_BY(mu_);
};

// Several parts may lie in one region. INTERNAL when any region was found truncated.
Status CheckIntact(const std::vector<SharedRegionPtr>& regions);

}  // namespace triton_lite
