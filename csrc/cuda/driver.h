// The CUDA driver, loaded at run time: one a process, from the first need of a GPU to the process's end.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "core/mutex.h"
#include "core/status.h"
#include "cuda/driver_abi.h"

namespace triton_lite::cuda {

// Thread-safe.
class Driver {
 public:
  // Loads and initialises libcuda.so.1 at the first call; later calls return the same. UNAVAILABLE where there is none,
  // or no GPU.
  static Result<const Driver*> Get();

  int device_count() const { return device_count_; }
  // The primary context of a device, which CUDA's runtime and ONNX Runtime use too; made when it is first asked for,
  // since it takes memory. INVALID_ARGUMENT: no such device. INTERNAL: it cannot be made now.
  Result<RawContext*> ContextOf(std::int64_t device_id) const EXCLUDES(mu_);

 private:
  Status Load();

  Functions functions_;
  int device_count_ = 0;
  mutable Mutex mu_;
  // Never released: memory of clients and models may outlive every user of ours.
  mutable std::map<std::int64_t, RawContext*> contexts_ GUARDED_BY(mu_);
};

// The functions of the loaded driver. Only where a Driver, or what one made, is at hand.
const Functions& Api();

// What a function returned as a status. INTERNAL "failed to WHAT: TEXT OF THE DRIVER".
Status Take(int result, std::string_view what);

// Makes a device's context the thread's own while it lives.
class DeviceScope {
 public:
  // An error is kept: ask status() before anything else.
  explicit DeviceScope(std::int64_t device_id);
  ~DeviceScope();
  DeviceScope(const DeviceScope&) = delete;
  DeviceScope& operator=(const DeviceScope&) = delete;

  const Status& status() const { return status_; }

 private:
  Status Enter(std::int64_t device_id);

  Status status_;
};

}  // namespace triton_lite::cuda
