// ModelMetricsSpec, MetricsText.
#include <pybind11/stl.h>

#include <string>

#include "bindings/bindings.h"
#include "engine/engine.h"

namespace py = pybind11;

namespace triton_lite::bindings {
namespace {

template <std::string MetricsText::* Part>
py::bytes Text(const MetricsText& self) {
  return self.*Part;
}

}  // namespace

void BindMetrics(py::module_& m) {
  py::class_<ModelLoadMetrics>(m, "ModelMetricsSpec")
      .def(py::init<>())
      .def_readwrite("load_start", &ModelLoadMetrics::load_start)
      .def_property(
          "labels", [](const ModelLoadMetrics& self) { return self.spec.labels; },
          [](ModelLoadMetrics& self, Labels labels) { self.spec.labels = std::move(labels); })
      .def_property(
          "buckets", [](const ModelLoadMetrics& self) { return self.spec.buckets; },
          [](ModelLoadMetrics& self, std::map<std::string, std::vector<double>> buckets) {
            self.spec.buckets = std::move(buckets);
          });
  py::class_<MetricsText>(m, "MetricsText")
      .def_property_readonly("counters", &Text<&MetricsText::counters>)
      .def_property_readonly("gauges", &Text<&MetricsText::gauges>)
      .def_property_readonly("cache", &Text<&MetricsText::cache>)
      .def_property_readonly("distributions", &Text<&MetricsText::distributions>);
}

}  // namespace triton_lite::bindings
