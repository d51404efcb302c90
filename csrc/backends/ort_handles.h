// Owners of what ONNX Runtime makes: released when they go.
#pragma once

#include <utility>

#include "backends/ort_abi.h"

namespace triton_lite::ort {

// The functions of the loaded library (ort_library). Only where a Library, or what one made, is at hand.
const Functions& Api();

// Movable owner of one object. `Release` is the member of Functions that frees it.
template <typename T, void (*Functions::*Release)(T*)>
class Handle {
 public:
  Handle() = default;
  explicit Handle(T* object) : object_(object) {}
  Handle(Handle&& other) noexcept : object_(std::exchange(other.object_, nullptr)) {}
  Handle& operator=(Handle&& other) noexcept {
    if (this != &other) {
      reset(std::exchange(other.object_, nullptr));
    }
    return *this;
  }
  ~Handle() { reset(); }

  T* get() const { return object_; }
  explicit operator bool() const { return object_ != nullptr; }
  T* release() { return std::exchange(object_, nullptr); }

  // For functions that make an object: frees the one held before.
  T** out() {
    reset();
    return &object_;
  }

  void reset(T* object = nullptr) {
    if (object_ != nullptr) {
      (Api().*Release)(object_);
    }
    object_ = object;
  }

 private:
  T* object_ = nullptr;
};

using ThreadingOptionsHandle = Handle<ThreadingOptions, &Functions::ReleaseThreadingOptions>;
using SessionOptionsHandle = Handle<SessionOptions, &Functions::ReleaseSessionOptions>;
using SessionHandle = Handle<Session, &Functions::ReleaseSession>;
using RunOptionsHandle = Handle<RunOptions, &Functions::ReleaseRunOptions>;
using ValueHandle = Handle<Value, &Functions::ReleaseValue>;
using MemoryInfoHandle = Handle<MemoryInfo, &Functions::ReleaseMemoryInfo>;
using AllocatorHandle = Handle<Allocator, &Functions::ReleaseAllocator>;
using IoBindingHandle = Handle<IoBinding, &Functions::ReleaseIoBinding>;
using TypeInfoHandle = Handle<TypeInfo, &Functions::ReleaseTypeInfo>;
using TensorInfoHandle = Handle<TensorInfo, &Functions::ReleaseTensorTypeAndShapeInfo>;
using CudaOptionsHandle = Handle<CudaOptions, &Functions::ReleaseCUDAProviderOptions>;
using TensorRtOptionsHandle = Handle<TensorRtOptions, &Functions::ReleaseTensorRTProviderOptions>;

}  // namespace triton_lite::ort
