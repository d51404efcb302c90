#include "cuda/copies.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <utility>

#include "core/mutex.h"
#include "cuda/pinned_memory.h"

namespace triton_lite::cuda {
namespace {

DevicePointer Address(const Buffer& buffer) { return reinterpret_cast<DevicePointer>(buffer.data); }

bool OnDevice(const Buffer& buffer) { return buffer.kind == MemoryKind::kDevice; }

bool IsOnHost(const Buffer& from, const Buffer& to) { return !OnDevice(from) && !OnDevice(to); }

void MoveOnHost(const Buffer& from, const Buffer& to) {
  if (from.size > 0) {
    std::memmove(to.data, from.data, from.size);
  }
}

// What no IdleCopies has at the moment.
class Idle {
 public:
  std::unique_ptr<Copies> Take() EXCLUDES(mu_) {
    MutexLock lock(mu_);
    if (idle_.empty()) {
      return std::make_unique<Copies>();
    }
    std::unique_ptr<Copies> taken = std::move(idle_.back());
    idle_.pop_back();
    return taken;
  }
  void Return(std::unique_ptr<Copies> used) EXCLUDES(mu_) {
    MutexLock lock(mu_);
    idle_.push_back(std::move(used));
  }

 private:
  Mutex mu_;
  std::vector<std::unique_ptr<Copies>> idle_ GUARDED_BY(mu_);
};

Idle& TheIdle() {
  static Idle* const idle = new Idle;  // NOLINT: lives as long as the process, as the driver does.
  return *idle;
}

}  // namespace

Copies::~Copies() { (void)Finish(); }

Status Copies::Add(const Buffer& from, const Buffer& to) {
  Status status = Begin(from, to);
  if (failed_.ok()) {
    failed_ = status;
  }
  return status;
}

Status Copies::Begin(const Buffer& from, const Buffer& to) {
  if (IsOnHost(from, to)) {
    MoveOnHost(from, to);
    return {};
  }
  if (from.size == 0) {
    return {};
  }
  const std::int64_t device_id = OnDevice(from) ? from.device_id : to.device_id;
  const DeviceScope scope(device_id);
  RETURN_IF_ERROR(scope.status());
  ASSIGN_OR_RETURN(Stream* const stream, StreamOn(device_id));
  pending_ = true;
  if (!OnDevice(from)) {
    return stream->CopyToDevice(Address(to), from.data, from.size);
  }
  return OnDevice(to) ? stream->CopyOnDevice(Address(to), Address(from), from.size)
                      : stream->CopyToHost(to.data, Address(from), from.size);
}

Result<Stream*> Copies::StreamOn(std::int64_t device_id) {
  const auto found = std::find_if(streams_.begin(), streams_.end(),
                                  [&](const Stream& stream) { return stream.device_id() == device_id; });
  if (found != streams_.end()) {
    return &*found;
  }
  ASSIGN_OR_RETURN(Stream stream, Stream::Make(device_id));
  return &streams_.emplace_back(std::move(stream));
}

Status Copies::Finish() {
  Status status = std::exchange(failed_, Status());
  if (!std::exchange(pending_, false)) {
    return status;
  }
  for (Stream& stream : streams_) {
    const DeviceScope scope(stream.device_id());
    Status finished = stream.Synchronize();  // Without the context, too: what is queued must not run later.
    if (status.ok()) {
      status = scope.status().ok() ? std::move(finished) : scope.status();
    }
  }
  return status;
}

IdleCopies::~IdleCopies() {
  if (copies_ != nullptr) {
    (void)copies_->Finish();
    TheIdle().Return(std::move(copies_));
  }
}

Status IdleCopies::Add(const Buffer& from, const Buffer& to) {
  if (IsOnHost(from, to)) {
    MoveOnHost(from, to);
    return {};
  }
  if (copies_ == nullptr) {
    copies_ = TheIdle().Take();
  }
  return copies_->Add(from, to);
}

Status Copy(const Buffer& from, const Buffer& to) {
  IdleCopies copies;
  RETURN_IF_ERROR(copies.Add(from, to));
  return copies.Finish();
}

Result<Buffer> OnHost(const Buffer& from) {
  if (!OnDevice(from)) {
    return from;
  }
  ASSIGN_OR_RETURN(Buffer copy, AllocatePinned(from.size));
  RETURN_IF_ERROR(Copy(from, copy));
  return copy;
}

}  // namespace triton_lite::cuda
