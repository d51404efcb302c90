#include "bindings/remote_cache.h"

#include <pybind11/stl.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

namespace py = pybind11;

namespace triton_lite::bindings {
namespace {

constexpr double kLongest = 1e6;  // Seconds.

std::uint64_t Nanoseconds(double seconds) {
  return static_cast<std::uint64_t>(std::clamp(seconds, 0.0, kLongest) * 1e9);
}

std::vector<py::memoryview> Content(const PyRemoteCacheTask& self) {
  std::vector<py::memoryview> views;
  for (const Bytes part : self.task->content()) {
    // Nobody writes through it; an empty view needs an address, too.
    const void* data = part.empty() ? static_cast<const void*>("") : part.data();
    views.push_back(py::memoryview::from_memory(data, static_cast<py::ssize_t>(part.size())));
  }
  return views;
}

void Found(PyRemoteCacheTask& self, const py::bytes& value, const std::string& key) {
  const std::string_view view = value;
  py::gil_scoped_release release;
  self.task->Found(AsBytes(view), key);
}

}  // namespace

void BindRemoteCache(py::module_& m) {
  py::class_<PyRemoteCacheTask>(m, "RemoteCacheTask")
      .def_property_readonly("is_lookup", [](const PyRemoteCacheTask& self) { return self.task->is_lookup(); })
      .def("content", &Content)
      .def_property_readonly("key", [](const PyRemoteCacheTask& self) { return py::bytes(self.task->key()); })
      .def_property_readonly("value", [](const PyRemoteCacheTask& self) { return py::bytes(self.task->value()); })
      .def("found", &Found, py::arg("value"), py::arg("key"))
      .def(
          "missed", [](PyRemoteCacheTask& self, const std::string& key) { self.task->Missed(key); },
          py::arg("key") = std::string(), py::call_guard<py::gil_scoped_release>());
}

std::unique_ptr<PyRemoteCacheTask> NextCacheTask(Engine& engine, double timeout) {
  RemoteCacheTaskPtr task;
  {
    py::gil_scoped_release release;
    if (engine.remote_cache() != nullptr) {
      task = engine.remote_cache()->Next(NowNanoseconds() + Nanoseconds(timeout));
    }
  }
  return task == nullptr ? nullptr : std::make_unique<PyRemoteCacheTask>(PyRemoteCacheTask{std::move(task)});
}

void SuspendCache(Engine& engine, double seconds) {
  if (engine.remote_cache() != nullptr) {
    engine.remote_cache()->Suspend(Nanoseconds(seconds));
  }
}

}  // namespace triton_lite::bindings
