// Reads what a model process refers to: its own memory, or a file that it sent along.
#pragma once

#include <sys/types.h>

#include <cstdint>

#include "core/bytes.h"
#include "core/status.h"

namespace triton_lite::model_process {

class RemoteMemory {
 public:
  // `file`: a descriptor that outlives this, or -1: places are addresses in the memory of `process_id`.
  RemoteMemory(pid_t process_id, int file) : process_id_(process_id), file_(file) {}

  // Fills `into` from `place`; INTERNAL when it is not all there. The bytes are the other process's: anything.
  Status Read(std::uint64_t place, MutableBytes into) const;

 private:
  const pid_t process_id_;
  const int file_;
};

// Whether this process may read the memory of that one; a container or a hardened kernel may say no.
bool MayReadMemoryOf(pid_t process_id);

}  // namespace triton_lite::model_process
