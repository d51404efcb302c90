// What Engine has to do with tracing, for Python.
#pragma once

#include <pybind11/pybind11.h>

#include <string>

#include "engine/engine.h"

namespace triton_lite::bindings {

void BindTrace(pybind11::module_& m);  // TraceConfig, TraceRecord, TracedRequest

// `changes`: value of each setting by its name, None to clear it.
void UpdateTrace(Engine& engine, const std::string& model, const pybind11::dict& changes);
// Level bits, rate, count, log frequency.
pybind11::tuple GetTraceValues(Engine& engine, const std::string& model);
// A list of TraceRecord, empty after `timeout` seconds; None once the engine has stopped and all were taken.
pybind11::object NextTraces(Engine& engine, double timeout);
std::size_t DroppedTraces(Engine& engine);

}  // namespace triton_lite::bindings
