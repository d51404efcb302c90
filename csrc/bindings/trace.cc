#include "bindings/trace.h"

#include <pybind11/stl.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "bindings/bindings.h"

namespace py = pybind11;

namespace triton_lite::bindings {
namespace {

template <typename T>
void ReadChange(const py::dict& changes, const char* name, TraceChange<T>* change) {
  if (!changes.contains(name)) {
    return;
  }
  const py::object value = changes[name];
  change->clear = value.is_none();
  if (!change->clear) {
    change->value = value.cast<T>();
  }
}

TraceConfig MakeConfig(TraceLevel level, std::uint32_t rate, std::int32_t count, std::uint32_t log_frequency,
                       std::string file, bool opentelemetry) {
  return {.values = {.level = level, .rate = rate, .count = count, .log_frequency = log_frequency},
          .mode = opentelemetry ? TraceMode::kOpenTelemetry : TraceMode::kTriton,
          .file = std::move(file)};
}

py::list EventList(const std::vector<TraceEvent>& events) {
  py::list list;
  for (const TraceEvent& event : events) {
    list.append(py::make_tuple(event.name, event.time));
  }
  return list;
}

py::object Parent(const TraceRecord& record) {
  if (!record.parent.has_value()) {
    return py::none();
  }
  return py::make_tuple(record.parent->trace_id, record.parent->span_id, record.parent->flags, record.tracestate);
}

}  // namespace

void BindTrace(py::module_& m) {
  py::class_<TraceConfig>(m, "TraceConfig")
      .def(py::init(&MakeConfig), py::arg("level") = 0, py::arg("rate") = 1000, py::arg("count") = -1,
           py::arg("log_frequency") = 0, py::arg("file") = "", py::arg("opentelemetry") = false);
  py::class_<TracedModel>(m, "TracedRequest")
      .def_readonly("id", &TracedModel::id)
      .def_readonly("parent_id", &TracedModel::parent_id)
      .def_readonly("model_name", &TracedModel::model_name)
      .def_readonly("model_version", &TracedModel::model_version)
      .def_property_readonly("request_id", [](const TracedModel& self) { return py::bytes(self.request_id); })
      .def_readonly("span_id", &TracedModel::span_id)
      .def_property_readonly("events", [](const TracedModel& self) { return EventList(self.events); });
  py::class_<TraceRecord>(m, "TraceRecord")
      .def_readonly("requests", &TraceRecord::requests)
      .def_property_readonly("received", [](const TraceRecord& self) { return EventList(self.received); })
      .def_property_readonly("sent", [](const TraceRecord& self) { return EventList(self.sent); })
      .def_readonly("start", &TraceRecord::start)
      .def_readonly("end", &TraceRecord::end)
      .def_readonly("wall_offset", &TraceRecord::wall_offset)
      .def_readonly("trace_id", &TraceRecord::trace_id)
      .def_property_readonly("parent", &Parent);
}

void UpdateTrace(Engine& engine, const std::string& model, const py::dict& changes) {
  TraceChanges read;
  ReadChange(changes, "trace_level", &read.level);
  ReadChange(changes, "trace_rate", &read.rate);
  ReadChange(changes, "trace_count", &read.count);
  ReadChange(changes, "log_frequency", &read.log_frequency);
  Status status;
  {
    py::gil_scoped_release release;
    status = engine.tracer().Update(model, read);
  }
  RaiseIfError(status);
}

py::tuple GetTraceValues(Engine& engine, const std::string& model) {
  const TraceValues values = engine.tracer().Get(model);
  return py::make_tuple(values.level, values.rate, values.count, values.log_frequency);
}

std::size_t DroppedTraces(Engine& engine) {
  const TraceQueue* const queue = engine.tracer().queue();
  return queue == nullptr ? 0 : queue->dropped();
}

py::object NextTraces(Engine& engine, double timeout) {
  constexpr double kLongest = 1e9;  // Seconds.
  TraceQueue* const queue = engine.tracer().queue();
  if (queue == nullptr) {
    return py::none();
  }
  std::vector<TraceRecord> taken;
  bool over = false;
  {
    py::gil_scoped_release release;
    const auto wait = static_cast<std::uint64_t>(std::clamp(timeout, 0.0, kLongest) * 1e9);
    over = queue->closed();
    taken = queue->Take(NowNanoseconds() + wait);
  }
  if (over && taken.empty()) {
    return py::none();
  }
  py::list list(taken.size());
  for (std::size_t i = 0; i < taken.size(); ++i) {
    list[i] = py::cast(std::move(taken[i]));
  }
  return list;
}

}  // namespace triton_lite::bindings
