// Copies from and to GPUs, several at once.
#pragma once

#include <memory>
#include <vector>

#include "core/buffer.h"
#include "core/status.h"
#include "cuda/stream.h"

namespace triton_lite::cuda {

// Used by one thread at a time. Its streams, one for each GPU that was met, are kept from use to use: one object for
// each instance of a model.
class Copies {
 public:
  Copies() = default;
  Copies(const Copies&) = delete;
  Copies& operator=(const Copies&) = delete;
  // Waits: nothing is written into memory that may be gone.
  ~Copies();

  // Begins to copy the bytes of `from` to where `to` begins, which has room for them. Both stay there, and are not
  // touched, until Finish. Host to host is copied at once.
  Status Add(const Buffer& from, const Buffer& to);
  // Returns when all is copied, or what failed. No copy is under way afterwards.
  Status Finish();

 private:
  Status Begin(const Buffer& from, const Buffer& to);
  Result<Stream*> StreamOn(std::int64_t device_id);

  std::vector<Stream> streams_;
  bool pending_ = false;
  Status failed_;
};

// As Copies, for those who copy now and then, on any thread: with the streams that others made before them, which are
// only asked for where a GPU takes part.
class IdleCopies {
 public:
  IdleCopies() = default;
  IdleCopies(const IdleCopies&) = delete;
  IdleCopies& operator=(const IdleCopies&) = delete;
  ~IdleCopies();

  Status Add(const Buffer& from, const Buffer& to);
  Status Finish() { return copies_ == nullptr ? Status() : copies_->Finish(); }

 private:
  std::unique_ptr<Copies> copies_;
};

// One copy, done when it returns.
Status Copy(const Buffer& from, const Buffer& to);

// The bytes of `from` where the host can read them: itself, or a copy in pinned memory.
Result<Buffer> OnHost(const Buffer& from);

}  // namespace triton_lite::cuda
