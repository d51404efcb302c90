// How the C library keeps the memory of models, so that what a model held goes back to the system with it.
#pragma once

#include <cstdint>

namespace triton_lite {

// While one exists, allocations from 1 MiB on are mappings of their own, which a free returns at once. Left to itself
// the C library moves that limit up to 32 MiB with the first model that ends: weights and what parsing leaves then lie
// in its heaps, whose tops (up to 64 MiB each) it never returns. A model of 200 MB took 500 MB, and 25 to 70 MB stayed.
// At other times the limit is 32 MiB: mapping the buffers of requests costs five times what using them again does.
class ModelMemoryScope {
 public:
  // `byte_size` of the model: small ones, of which there may be thousands, are left alone.
  explicit ModelMemoryScope(std::uintmax_t byte_size);
  ~ModelMemoryScope();
  ModelMemoryScope(const ModelMemoryScope&) = delete;
  ModelMemoryScope& operator=(const ModelMemoryScope&) = delete;

 private:
  const std::uintmax_t byte_size_;
};

// Returns what making a model of `byte_size` left free in the heaps to the system; nothing for small ones, since it
// looks at every heap. It locks them, so that it is nothing for a thread of low priority.
void ReturnFreeMemory(std::uintmax_t byte_size);

}  // namespace triton_lite
