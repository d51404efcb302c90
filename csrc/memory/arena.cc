#include "memory/arena.h"

#include <algorithm>
#include <string>
#include <utility>

namespace triton_lite {

// `blocks` and `announced` are guarded by the arena's lock.
struct Arena::Region {
  Region(std::uint32_t region_id, FileDescriptor memory, std::shared_ptr<Mapping> mapped)
      : id(region_id), fd(std::move(memory)), mapping(std::move(mapped)), blocks(mapping->size()) {}

  const std::uint32_t id;
  const FileDescriptor fd;
  const std::shared_ptr<Mapping> mapping;
  BlockAllocator blocks;
  bool announced = false;
};

// The owner of one buffer.
class Arena::Chunk {
 public:
  Chunk(std::shared_ptr<Arena> arena, Region* region, BlockAllocator::Block block)
      : arena_(std::move(arena)), region_(region), block_(block) {}
  ~Chunk() { arena_->Free(region_, block_); }
  Chunk(const Chunk&) = delete;
  Chunk& operator=(const Chunk&) = delete;

 private:
  const std::shared_ptr<Arena> arena_;
  Region* const region_;
  const BlockAllocator::Block block_;
};

Arena::Arena(const ArenaOptions& options) : options_(options) {}

Arena::~Arena() = default;

Result<std::shared_ptr<Arena>> Arena::Create(const ArenaOptions& options) {
  ASSIGN_OR_RETURN(auto base, MakeRegion(options.name, 0, options.base_byte_size));
  base->announced = true;  // Passed at the handshake.
  std::shared_ptr<Arena> arena(new Arena(options));
  arena->base_ = std::move(base);
  return arena;
}

Result<std::unique_ptr<Arena::Region>> Arena::MakeRegion(const char* name, std::uint32_t id, std::uint64_t byte_size) {
  ASSIGN_OR_RETURN(FileDescriptor fd, CreateMemfd(name, byte_size));
  ASSIGN_OR_RETURN(auto mapping, Mapping::Map(fd.get(), byte_size));
  return std::make_unique<Region>(id, std::move(fd), std::move(mapping));
}

Result<Buffer> Arena::Allocate(std::size_t byte_size) {
  MutexLock lock(mu_);
  if (abandoned_) {
    return Unavailable("the inference engine went away");
  }
  if (byte_size > options_.budget_byte_size || used_ > options_.budget_byte_size - byte_size) {
    return Unavailable("unable to allocate " + std::to_string(byte_size) +
                       " bytes of shared memory: " + std::to_string(used_) + " of " +
                       std::to_string(options_.budget_byte_size) + " bytes are in use");
  }
  if (const auto block = base_->blocks.Allocate(byte_size)) {
    return Take(base_.get(), *block, byte_size);
  }
  for (const auto& [id, region] : further_) {
    if (const auto block = region->blocks.Allocate(byte_size)) {
      return Take(region.get(), *block, byte_size);
    }
  }
  // Whole pages; the allocator's rounding never makes one exact block too small for itself.
  const std::uint64_t page_rounded = (std::uint64_t{byte_size} + 4095) / 4096 * 4096;
  const std::uint32_t id = next_region_++;
  ASSIGN_OR_RETURN(auto made, MakeRegion(options_.name, id, std::max(page_rounded, options_.further_byte_size)));
  Region* const region = made.get();
  further_.emplace(id, std::move(made));
  return Take(region, *region->blocks.Allocate(byte_size), byte_size);
}

Result<Buffer> Arena::Take(Region* region, const BlockAllocator::Block& block, std::size_t byte_size) {
  used_ += block.byte_size;
  return Buffer{region->mapping->data() + block.offset, byte_size,
                std::make_shared<Chunk>(shared_from_this(), region, block)};
}

void Arena::Free(Region* region, const BlockAllocator::Block& block) {
  std::optional<BlockAllocator::Block> hole;
  std::unique_ptr<Region> gone;
  {
    MutexLock lock(mu_);
    used_ -= block.byte_size;
    if (abandoned_) {
      return;
    }
    const bool is_base = region == base_.get();
    hole = region->blocks.Free(block.id, is_base ? options_.warm_byte_size : ~std::uint64_t{0});
    if (!is_base && region->blocks.empty()) {
      auto node = further_.extract(region->id);
      gone = std::move(node.mapped());
      if (gone->announced) {
        retired_.push_back(gone->id);
      }
    }
  }
  // Both take the system some time, so the lock is not held. The other process may have the region mapped for a
  // while: its pages go now.
  if (gone != nullptr) {
    PunchHole(gone->fd.get(), 0, gone->mapping->size());
  }
  if (hole) {
    PunchHole(region->fd.get(), hole->offset, hole->byte_size);
    MutexLock lock(mu_);
    region->blocks.Return(hole->id);
  }
}

std::optional<ArenaPlace> Arena::Locate(Bytes bytes) const {
  if (base_->mapping->Contains(bytes)) {
    return ArenaPlace{0, static_cast<std::uint64_t>(bytes.data() - base_->mapping->data())};
  }
  MutexLock lock(mu_);
  for (const auto& [id, region] : further_) {
    if (region->mapping->Contains(bytes)) {
      return ArenaPlace{id, static_cast<std::uint64_t>(bytes.data() - region->mapping->data())};
    }
  }
  return std::nullopt;
}

int Arena::base_descriptor() const { return base_->fd.get(); }

std::uint64_t Arena::base_byte_size() const { return base_->mapping->size(); }

int Arena::DescriptorToAnnounce(std::uint32_t region) const {
  MutexLock lock(mu_);
  const auto it = further_.find(region);
  return it == further_.end() || it->second->announced ? -1 : it->second->fd.get();
}

void Arena::MarkAnnounced(std::uint32_t region) {
  MutexLock lock(mu_);
  const auto it = further_.find(region);
  if (it != further_.end()) {
    it->second->announced = true;
  }
}

std::vector<std::uint32_t> Arena::TakeRetired() {
  MutexLock lock(mu_);
  return std::exchange(retired_, {});
}

std::uint64_t Arena::used_byte_size() const {
  MutexLock lock(mu_);
  return used_;
}

void Arena::Abandon() {
  MutexLock lock(mu_);
  abandoned_ = true;
}

}  // namespace triton_lite
