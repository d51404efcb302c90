// The shared-memory regions that clients have registered (system and CUDA shared memory extensions).
#pragma once

#include <cstdint>
#include <map>
#include <memory>
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

// Thread-safe. Both kinds share one space of names. A region that is unregistered while requests use it is there until
// the last of them ends, for others too, as in Triton.
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
    Buffer place;                     // Keeps the region's memory.
    SharedRegionPtr checked;          // The region whose truncation has to be looked for; null on a GPU.
    std::shared_ptr<const void> use;  // While it is held, the region is in use.
  };
  Result<Part> Find(std::string_view name, std::uint64_t offset, std::uint64_t byte_size) const EXCLUDES(mu_);

 private:
  using Memory = std::variant<SharedRegionPtr, cuda::DeviceRegionPtr>;  // In the order of RegionKind.
  using MemoryPtr = std::shared_ptr<const Memory>;                      // Shared by the requests that use it.
  struct Entry {
    RegionInfo info;
    RegionKind kind;
    MemoryPtr registered;              // Null once it was unregistered.
    std::weak_ptr<const Memory> used;  // Expired once nobody uses it either: then there is no such region.
    bool gone() const { return registered == nullptr && used.expired(); }
  };
  using Entries = std::map<std::string, Entry, std::less<>>;

  // Null when there is none.
  const Entry* FindEntry(std::string_view name) const REQUIRES(mu_);
  Status CheckUnknown(const std::string& name) const EXCLUDES(mu_);
  Status Add(const RegionInfo& info, Memory memory) EXCLUDES(mu_);
  // Takes the registration from an entry, and the entry away if nobody uses it. The memory is to be let go of after the
  // lock.
  MemoryPtr Leave(Entries::iterator entry) REQUIRES(mu_);
  // Takes away what is gone.
  void Sweep() REQUIRES(mu_);

  mutable Mutex mu_;
  Entries entries_ GUARDED_BY(mu_);
  std::size_t leaving_ GUARDED_BY(mu_) = 0;  // Entries without registration.
};

// Several parts may lie in one region. INTERNAL when any region was found truncated.
Status CheckIntact(const std::vector<SharedRegionPtr>& regions);

}  // namespace triton_lite
