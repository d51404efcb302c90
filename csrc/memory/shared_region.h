// Memory of a client, mapped by name: POSIX shared memory (system shared memory extension).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "core/bytes.h"
#include "core/status.h"
#include "memory/fault_guard.h"

namespace triton_lite {

// Mapped as long as this lives. Its bytes may change at any time, and the object behind it may shrink: see damaged().
class SharedRegion {
 public:
  // `byte_size` bytes from `offset` of the object `key`, readable and writable. Texts are Triton's (`name` stands in
  // them): INTERNAL when there is no such object or it is no regular file, INVALID_ARGUMENT when it is too small, the
  // range cannot be mapped, or the key is none that a client may name.
  static Result<std::shared_ptr<const SharedRegion>> Map(const std::string& name, const std::string& key,
                                                         std::uint64_t offset, std::uint64_t byte_size);
  SharedRegion(const SharedRegion&) = delete;
  SharedRegion& operator=(const SharedRegion&) = delete;
  ~SharedRegion();

  std::byte* data() const { return data_; }
  std::size_t size() const { return byte_size_; }
  // Whether `a` of this region and `b` of `other`, both `data` of their regions or behind it, lie over the same bytes
  // of one object, which may be mapped more than once.
  bool Overlaps(Bytes a, const SharedRegion& other, Bytes b) const;
  // Bytes were touched that are not there any more: what was read or written since is worth nothing.
  bool damaged() const { return guard_->damaged(); }

 private:
  // The object and where in it the region begins.
  struct Origin {
    std::uint64_t device = 0;
    std::uint64_t inode = 0;
    std::uint64_t offset = 0;
  };

  SharedRegion(std::byte* data, std::size_t byte_size, const Origin& origin, FaultGuard guard);

  std::uint64_t PositionOf(Bytes bytes) const;

  const Origin origin_;
  std::byte* const data_;
  const std::size_t byte_size_;
  std::optional<FaultGuard> guard_;  // Always there until destruction.
};

using SharedRegionPtr = std::shared_ptr<const SharedRegion>;

}  // namespace triton_lite
