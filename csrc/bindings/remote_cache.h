// RemoteCacheTask and the engine's calls about it.
#pragma once

#include <pybind11/pybind11.h>

#include <memory>

#include "engine/engine.h"

namespace triton_lite::bindings {

struct PyRemoteCacheTask {
  RemoteCacheTaskPtr task;
};

void BindRemoteCache(pybind11::module_& m);

// Null after `timeout` seconds, or at once where there is no such cache or it has stopped.
std::unique_ptr<PyRemoteCacheTask> NextCacheTask(Engine& engine, double timeout);
void SuspendCache(Engine& engine, double seconds);

}  // namespace triton_lite::bindings
