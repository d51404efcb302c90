// How Python owns an Engine: ending it waits for running requests, which must not happen with the GIL held.
#pragma once

#include <pybind11/pybind11.h>

#include <memory>

#include "engine/engine.h"

namespace triton_lite::bindings {

struct DeleteWithoutGil {
  void operator()(Engine* engine) const {
    pybind11::gil_scoped_release release;
    delete engine;
  }
};

using EngineHolder = std::unique_ptr<Engine, DeleteWithoutGil>;

}  // namespace triton_lite::bindings
