// ModelStatistics, DurationSum, BatchDurations.
#include <pybind11/stl.h>

#include "bindings/bindings.h"
#include "engine/model_statistics.h"

namespace py = pybind11;

namespace triton_lite::bindings {

void BindStatistics(py::module_& m) {
  py::class_<DurationSum>(m, "DurationSum")
      .def_readonly("count", &DurationSum::count)
      .def_readonly("nanoseconds", &DurationSum::nanoseconds);
  py::class_<BatchDurations>(m, "BatchDurations")
      .def_readonly("compute_input", &BatchDurations::compute_input)
      .def_readonly("compute_infer", &BatchDurations::compute_infer)
      .def_readonly("compute_output", &BatchDurations::compute_output);
  py::class_<StatisticsSnapshot>(m, "ModelStatistics")
      .def_readonly("last_inference_milliseconds", &StatisticsSnapshot::last_inference_milliseconds)
      .def_readonly("inference_count", &StatisticsSnapshot::inference_count)
      .def_readonly("execution_count", &StatisticsSnapshot::execution_count)
      .def_readonly("success", &StatisticsSnapshot::success)
      .def_readonly("failure", &StatisticsSnapshot::failure)
      .def_readonly("queue", &StatisticsSnapshot::queue)
      .def_readonly("compute_input", &StatisticsSnapshot::compute_input)
      .def_readonly("compute_infer", &StatisticsSnapshot::compute_infer)
      .def_readonly("compute_output", &StatisticsSnapshot::compute_output)
      .def_readonly("cache_hit", &StatisticsSnapshot::cache_hit)
      .def_readonly("cache_miss", &StatisticsSnapshot::cache_miss)
      .def_readonly("failures", &StatisticsSnapshot::failures)
      .def_readonly("by_batch_size", &StatisticsSnapshot::by_batch_size);
}

}  // namespace triton_lite::bindings
