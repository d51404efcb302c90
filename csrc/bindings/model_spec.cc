// ModelSpec and its parts as plain Python objects: attributes are read as copies and assigned whole.
#include <pybind11/stl.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "bindings/bindings.h"
#include "bindings/enumeration.h"
#include "bindings/shape_caster.h"
#include "core/model_spec.h"

namespace py = pybind11;

namespace triton_lite::bindings {
namespace {

void BindTensorSpec(py::module_& m) {
  py::class_<TensorSpec>(m, "TensorSpec")
      .def(py::init<>())
      .def_readwrite("name", &TensorSpec::name)
      .def_property("datatype", Get(&TensorSpec::datatype), Set(&TensorSpec::datatype, DataType::kBf16))
      .def_readwrite("dims", &TensorSpec::dims)
      .def_readwrite("reshape", &TensorSpec::reshape)
      .def_readwrite("optional", &TensorSpec::optional)
      .def_readwrite("is_shape_tensor", &TensorSpec::is_shape_tensor)
      .def_readwrite("is_non_linear_format_io", &TensorSpec::is_non_linear_format_io)
      .def_readwrite("allow_ragged_batch", &TensorSpec::allow_ragged_batch)
      .def_readwrite("labels", &TensorSpec::labels);
}

void BindInstanceGroupSpec(py::module_& m) {
  py::class_<InstanceGroupSpec>(m, "InstanceGroupSpec")
      .def(py::init<>())
      .def_readwrite("name", &InstanceGroupSpec::name)
      .def_property("kind", Get(&InstanceGroupSpec::kind), Set(&InstanceGroupSpec::kind, InstanceKind::kModel))
      .def_readwrite("count", &InstanceGroupSpec::count)
      .def_readwrite("gpus", &InstanceGroupSpec::gpus)
      .def_readwrite("passive", &InstanceGroupSpec::passive)
      .def_readwrite("rate_limiter", &InstanceGroupSpec::rate_limiter);
  py::class_<ExecutionAcceleratorSpec>(m, "ExecutionAcceleratorSpec")
      .def(py::init<>())
      .def_readwrite("name", &ExecutionAcceleratorSpec::name)
      .def_readwrite("parameters", &ExecutionAcceleratorSpec::parameters);
}

void BindWarmupSpecs(py::module_& m) {
  py::class_<WarmupInputSpec>(m, "WarmupInputSpec")
      .def(py::init<>())
      .def_readwrite("name", &WarmupInputSpec::name)
      .def_property("datatype", Get(&WarmupInputSpec::datatype), Set(&WarmupInputSpec::datatype, DataType::kBf16))
      .def_readwrite("dims", &WarmupInputSpec::dims)
      .def_property("data", Get(&WarmupInputSpec::data), Set(&WarmupInputSpec::data, WarmupData::kFile))
      .def_readwrite("input_data_file", &WarmupInputSpec::input_data_file);
  py::class_<WarmupSpec>(m, "WarmupSpec")
      .def(py::init<>())
      .def_readwrite("name", &WarmupSpec::name)
      .def_readwrite("batch_size", &WarmupSpec::batch_size)
      .def_readwrite("inputs", &WarmupSpec::inputs)
      .def_readwrite("count", &WarmupSpec::count);
}

ModelSpec Alike(const ModelSpec& self, std::string name, std::int64_t version, std::string version_directory,
                std::string model_file, std::vector<std::string> instance_groups) {
  ModelSpec alike = self;
  alike.name = std::move(name);
  alike.version = version;
  alike.version_directory = std::move(version_directory);
  alike.model_file = std::move(model_file);
  for (std::size_t i = 0; i < std::min(instance_groups.size(), alike.instance_groups.size()); ++i) {
    alike.instance_groups[i].name = std::move(instance_groups[i]);
  }
  return alike;
}

}  // namespace

void BindModelSpec(py::module_& m) {
  BindSchedulerSpec(m);
  BindTensorSpec(m);
  BindInstanceGroupSpec(m);
  BindWarmupSpecs(m);
  py::class_<ModelSpec>(m, "ModelSpec")
      .def(py::init<>())
      .def("alike", &Alike, py::arg("name"), py::arg("version"), py::arg("version_directory"), py::arg("model_file"),
           py::arg("instance_groups"))
      .def_readwrite("name", &ModelSpec::name)
      .def_readwrite("version", &ModelSpec::version)
      .def_readwrite("platform", &ModelSpec::platform)
      .def_readwrite("backend", &ModelSpec::backend)
      .def_readwrite("version_directory", &ModelSpec::version_directory)
      .def_readwrite("model_file", &ModelSpec::model_file)
      .def_readwrite("max_batch_size", &ModelSpec::max_batch_size)
      .def_readwrite("decoupled", &ModelSpec::decoupled)
      .def_readwrite("inputs", &ModelSpec::inputs)
      .def_readwrite("outputs", &ModelSpec::outputs)
      .def_readwrite("instance_groups", &ModelSpec::instance_groups)
      // A copy, not a view: another assignment may change which alternative the variant holds.
      .def_property(
          "scheduler", [](const ModelSpec& self) { return SchedulerSpec(self.scheduler); },
          [](ModelSpec& self, SchedulerSpec scheduler) { self.scheduler = std::move(scheduler); })
      .def_readwrite("batch_input", &ModelSpec::batch_input)
      .def_readwrite("batch_output", &ModelSpec::batch_output)
      .def_readwrite("response_cache", &ModelSpec::response_cache)
      .def_readwrite("parameters", &ModelSpec::parameters)
      .def_readwrite("backend_config", &ModelSpec::backend_config)
      .def_readwrite("graph_optimization_level", &ModelSpec::graph_optimization_level)
      .def_readwrite("eager_batching", &ModelSpec::eager_batching)
      .def_readwrite("gpu_execution_accelerators", &ModelSpec::gpu_execution_accelerators)
      .def_readwrite("cpu_execution_accelerators", &ModelSpec::cpu_execution_accelerators)
      .def_readwrite("model_warmup", &ModelSpec::model_warmup);
}

}  // namespace triton_lite::bindings
