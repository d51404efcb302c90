// Survives the truncation of memory that belongs to somebody else: touching pages that are gone raises SIGBUS.
#pragma once

#include <atomic>
#include <cstddef>

#include "core/status.h"

namespace triton_lite {

// A mapping that is watched as long as this lives. When a page of it is found gone, zeros take the place of it and of
// all pages after it, and the mapping counts as damaged. Other faults are left to whoever handled SIGBUS before.
class FaultGuard {
 public:
  // UNAVAILABLE when very many mappings are watched already.
  static Result<FaultGuard> Watch(std::byte* begin, std::size_t byte_size);
  FaultGuard(FaultGuard&& other) noexcept;
  FaultGuard& operator=(FaultGuard&&) = delete;
  // The mapping must be there until now.
  ~FaultGuard();

  bool damaged() const;

 private:
  explicit FaultGuard(std::size_t slot) : slot_(slot) {}

  std::size_t slot_;
};

}  // namespace triton_lite
