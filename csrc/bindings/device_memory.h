// Tensors on a GPU between Python programs and the engine in their process.
#pragma once

#include <pybind11/pybind11.h>

#include <memory>

#include "core/buffer.h"

namespace triton_lite::bindings {

// Python's DeviceMemory.
struct PyDeviceMemory {
  Buffer buffer;  // kDevice.
};

// Owner of memory that belongs to a Python object, which is let go of on whatever thread. Needs the GIL.
std::shared_ptr<void> KeepAlive(pybind11::object object);

}  // namespace triton_lite::bindings
