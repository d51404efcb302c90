// ModelLink, InstancePlacement: instances of Python models and the processes that run them.
#include "model_process/model_link.h"

#include <pybind11/stl.h>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "bindings/bindings.h"
#include "engine/cpu_budget.h"
#include "engine/model_loader.h"
#include "model_process/remote_memory.h"

namespace py = pybind11;

namespace triton_lite::bindings {
namespace {

using model_process::ModelLink;

// Takes the descriptors, also when it fails.
void Attach(ModelLink& link, int execute, int calls, pid_t process_id) {
  FileDescriptor execute_socket(execute);
  FileDescriptor calls_socket(calls);
  Status status;
  {
    py::gil_scoped_release release;
    status = link.Attach(std::move(execute_socket), std::move(calls_socket), process_id);
  }
  RaiseIfError(status);
}

std::vector<InstancePlacement> Placements(const ModelSpec& spec) { return PlaceInstances(spec, AvailableCores()); }

}  // namespace

void BindModelLink(py::module_& m) {
  using ReleaseGil = py::call_guard<py::gil_scoped_release>;
  py::class_<InstancePlacement>(m, "InstancePlacement")
      .def_readonly("name", &InstancePlacement::name)
      .def_property_readonly("kind", [](const InstancePlacement& self) { return static_cast<int>(self.kind); })
      .def_readonly("device_id", &InstancePlacement::device_id)
      .def_readonly("group", &InstancePlacement::group);
  py::class_<ModelLink, std::shared_ptr<ModelLink>>(m, "ModelLink")
      .def(py::init<std::string>(), py::arg("name"))
      .def("attach", &Attach, py::arg("execute_fd"), py::arg("calls_fd"), py::arg("pid"))
      .def("detach", &ModelLink::Detach, ReleaseGil())
      .def("give_up", &ModelLink::GiveUp, ReleaseGil())
      .def("set_execute_timeout", &ModelLink::SetExecuteTimeout, py::arg("nanoseconds"), ReleaseGil())
      .def("set_concurrency", &ModelLink::SetConcurrency, py::arg("batches"), ReleaseGil())
      .def("wait_closed", &ModelLink::WaitClosed, py::arg("deadline_ns"), ReleaseGil())
      .def_property_readonly("attached", &ModelLink::attached)
      .def_property_readonly("wanted", &ModelLink::wanted)
      .def_property_readonly("closed", &ModelLink::closed)
      .def_property_readonly("name", &ModelLink::name)
      .def_static("reads_memory", &model_process::MayReadMemoryOf, py::arg("pid"));
  m.def("place_instances", &Placements, py::arg("spec"),
        "The instances of a complete specification, in the order in which they are made.");
}

}  // namespace triton_lite::bindings
