// Memory that one process writes and another one reads: a base memfd and further ones when that is full or too small.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "core/buffer.h"
#include "core/mutex.h"
#include "core/status.h"
#include "memory/block_allocator.h"
#include "memory/memfd.h"

namespace triton_lite {

struct ArenaOptions {
  const char* name = "arena";                                 // In /proc/PID/maps.
  std::uint64_t base_byte_size = std::uint64_t{256} << 20;    // Address space; pages come when touched.
  std::uint64_t further_byte_size = std::uint64_t{64} << 20;  // Smallest further region.
  std::uint64_t budget_byte_size = std::uint64_t{4} << 30;    // Bytes that may be out at once.
  // Freed bytes that keep their pages, so that steady traffic does not fault them in anew.
  std::uint64_t warm_byte_size = std::uint64_t{32} << 20;
};

// Where bytes of an arena lie, in words that mean the same to both processes.
struct ArenaPlace {
  std::uint32_t region = 0;  // 0: the base; others are numbered as they are made, never twice.
  std::uint64_t offset = 0;
};

// Thread-safe. The owner's side. Buffers keep the arena alive, and their region mapped.
class Arena : public std::enable_shared_from_this<Arena> {
 public:
  static Result<std::shared_ptr<Arena>> Create(const ArenaOptions& options);
  ~Arena();
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  // 64-byte aligned, uninitialised. UNAVAILABLE when the budget is spent.
  Result<Buffer> Allocate(std::size_t byte_size) EXCLUDES(mu_);

  // Where `bytes` lie if they are inside this arena. The caller holds the buffer that they are part of.
  std::optional<ArenaPlace> Locate(Bytes bytes) const EXCLUDES(mu_);

  int base_descriptor() const;
  std::uint64_t base_byte_size() const;

  // The memfd of a region that the other process does not know yet, -1 if it does. Valid while a buffer of the region
  // is held. A region that was announced shows up in TakeRetired when it is gone.
  int DescriptorToAnnounce(std::uint32_t region) const EXCLUDES(mu_);
  void MarkAnnounced(std::uint32_t region) EXCLUDES(mu_);
  std::vector<std::uint32_t> TakeRetired() EXCLUDES(mu_);

  std::uint64_t used_byte_size() const EXCLUDES(mu_);

  // From here on nothing is given out, and what is given back keeps its pages: the other process may still read it,
  // and nobody will say when it has ended. The memory goes with the last mapping.
  void Abandon() EXCLUDES(mu_);

 private:
  struct Region;
  class Chunk;
  using Regions = std::map<std::uint32_t, std::unique_ptr<Region>>;

  explicit Arena(const ArenaOptions& options);
  static Result<std::unique_ptr<Region>> MakeRegion(const char* name, std::uint32_t id, std::uint64_t byte_size);
  Result<Buffer> Take(Region* region, const BlockAllocator::Block& block, std::size_t byte_size) REQUIRES(mu_);
  void Free(Region* region, const BlockAllocator::Block& block) EXCLUDES(mu_);

  const ArenaOptions options_;
  std::unique_ptr<Region> base_;

  mutable Mutex mu_;
  Regions further_ GUARDED_BY(mu_);
  std::uint32_t next_region_ GUARDED_BY(mu_) = 1;
  std::uint64_t used_ GUARDED_BY(mu_) = 0;
  std::vector<std::uint32_t> retired_ GUARDED_BY(mu_);
  bool abandoned_ GUARDED_BY(mu_) = false;
};

}  // namespace triton_lite
