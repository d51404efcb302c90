// Engine, OpenedModel, LoadedModel, ControlCall.
#include "engine/engine.h"

#include <pybind11/stl.h>

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "bindings/bindings.h"
#include "bindings/engine_holder.h"
#include "bindings/remote_cache.h"
#include "bindings/shape_caster.h"
#include "bindings/trace.h"
#include "cuda/pinned_memory.h"
#include "log/log.h"
#include "model_process/python_model.h"

namespace py = pybind11;

namespace triton_lite::bindings {
namespace {

// The signature stays when a load has taken the opened file.
struct PyOpenedModel {
  OpenedModel opened;
  ModelSignature signature;
};

struct PyLoadedModel {
  ServedModelPtr model;
};

struct PyMadeInstances {
  MadeInstances made;
};

struct PyRetirement {
  RetirementPtr retirement;
};

struct PyControlCall {
  std::unique_ptr<ControlCall> call;
};

using PyResourceLimit = std::tuple<std::string, std::int64_t, std::optional<std::int32_t>>;

using PyQuantiles = std::vector<std::pair<double, double>>;

EngineHolder MakeEngine(const std::optional<std::vector<PyResourceLimit>>& rate_limit,
                        std::uint64_t local_cache_byte_size, bool remote_cache, bool counters, bool histograms,
                        const std::optional<PyQuantiles>& summaries, TraceConfig trace,
                        std::optional<std::uint64_t> pinned_memory_byte_size,
                        const std::tuple<std::uint64_t, std::uint64_t, std::uint64_t>& limits) {
  if (pinned_memory_byte_size.has_value()) {
    cuda::SetPinnedMemoryLimit(*pinned_memory_byte_size);
  }
  EngineOptions options;
  options.trace = std::move(trace);
  options.metrics.counters = counters;
  options.metrics.histograms = histograms;
  if (summaries.has_value()) {
    options.metrics.summaries.emplace();
    for (const auto& [quantile, error] : *summaries) {
      options.metrics.summaries->push_back({quantile, error});
    }
  }
  options.local_cache_byte_size = local_cache_byte_size;
  options.remote_cache = remote_cache;
  std::tie(options.limits.requests, options.limits.model_requests, options.limits.byte_size) = limits;
  if (rate_limit.has_value()) {
    options.rate_limit.emplace();
    for (const auto& [name, count, device] : *rate_limit) {
      options.rate_limit->push_back({name, static_cast<std::uint64_t>(count), device});
    }
  }
  return EngineHolder(new Engine(std::move(options)));
}

void Listen(Engine& engine, std::string socket_path, std::uint64_t answer_budget_byte_size) {
  ChannelServerOptions options;
  options.socket_path = std::move(socket_path);
  options.answer_budget_byte_size = answer_budget_byte_size;
  Status status;
  {
    py::gil_scoped_release release;
    status = engine.Listen(std::move(options));
  }
  RaiseIfError(status);
}

PyOpenedModel ToPython(OpenedModel opened) {
  PyOpenedModel result{std::move(opened), {}};
  result.signature = result.opened.backend->signature();
  return result;
}

PyOpenedModel Open(Engine&, const ModelSpec& spec) {
  const ModelSpec copy = spec;  // Python may change its object meanwhile.
  Result<OpenedModel> opened = [&] {
    py::gil_scoped_release release;
    return OpenModel(copy);
  }();
  return ToPython(ValueOrRaise(std::move(opened)));
}

// One link for each instance, in the order of place_instances.
PyOpenedModel OpenPython(Engine& engine, std::vector<model_process::ModelLinkPtr> links) {
  PyOpenedModel result;
  result.opened.backend = std::make_unique<model_process::PythonModel>(std::move(links), &engine);
  return result;
}

using SystemRegionTuple = std::tuple<std::string, std::string, std::uint64_t, std::uint64_t>;
using CudaRegionTuple = std::tuple<std::string, std::int64_t, std::uint64_t>;

void RegisterSystemRegion(Engine& engine, std::string name, std::string key, std::uint64_t offset,
                          std::uint64_t byte_size) {
  Status status;
  {
    py::gil_scoped_release release;
    status = engine.regions().RegisterSystem({std::move(name), std::move(key), offset, byte_size});
  }
  RaiseIfError(status);
}

void RegisterCudaRegion(Engine& engine, std::string name, const std::string& handle, std::int64_t device_id,
                        std::uint64_t byte_size) {
  Status status;
  {
    py::gil_scoped_release release;
    status = engine.regions().RegisterCuda({std::move(name), "", 0, byte_size, device_id}, AsBytes(handle));
  }
  RaiseIfError(status);
}

std::vector<SystemRegionTuple> ListSystemRegions(Engine& engine, const std::string& name) {
  std::vector<SystemRegionTuple> regions;
  for (RegionInfo& info : ValueOrRaise(engine.regions().List(RegionKind::kSystem, name))) {
    regions.emplace_back(std::move(info.name), std::move(info.key), info.offset, info.byte_size);
  }
  return regions;
}

std::vector<CudaRegionTuple> ListCudaRegions(Engine& engine, const std::string& name) {
  std::vector<CudaRegionTuple> regions;
  for (RegionInfo& info : ValueOrRaise(engine.regions().List(RegionKind::kCuda, name))) {
    regions.emplace_back(std::move(info.name), info.device_id, info.byte_size);
  }
  return regions;
}

template <RegionKind kKind>
void UnregisterRegion(Engine& engine, const std::string& name) {
  name.empty() ? engine.regions().UnregisterAll(kKind) : engine.regions().Unregister(kKind, name);
}

WarmUpLog VerboseWarmUpLog() {
  return VerboseLog(1) ? WarmUpLog([](const std::string& line) { LogVerbose(1, line); }) : WarmUpLog();
}

PyLoadedModel Load(Engine& engine, ModelSpec spec, PyOpenedModel* opened, const ModelLoadMetrics* metrics) {
  OpenedModel taken = opened == nullptr ? OpenedModel{} : std::move(opened->opened);
  const std::optional<ModelLoadMetrics> shown =
      metrics == nullptr ? std::optional<ModelLoadMetrics>() : std::optional<ModelLoadMetrics>(*metrics);
  Result<ServedModelPtr> loaded = [&] {
    py::gil_scoped_release release;
    return engine.Load(std::move(spec), std::move(taken), shown, VerboseWarmUpLog());
  }();
  return PyLoadedModel{ValueOrRaise(std::move(loaded))};
}

using PyAlike = std::tuple<const ModelSpec*, const ModelSignature*, const ModelLoadMetrics*>;
using PyLoadedAlike = std::pair<std::optional<PyLoadedModel>, std::unique_ptr<PyOpenedModel>>;

// One model like another that was loaded from a file of this signature.
struct Alike {
  ModelSpec spec;
  ModelSignature signature;
  std::optional<ModelLoadMetrics> metrics;
  OpenedModel opened;
  ServedModelPtr model;

  Status Load(Engine& engine) {
    if (metrics.has_value()) {
      metrics->load_start = NowNanoseconds();
    }
    ASSIGN_OR_RETURN(opened, OpenModel(spec));
    if (opened.backend->signature() == signature) {
      ASSIGN_OR_RETURN(model, engine.Load(std::move(spec), std::move(opened), std::move(metrics), VerboseWarmUpLog()));
    }
    return {};
  }
};

// One call for many: between two of them, code and data of Python and of the library would drive each other from the
// caches, which costs as much again as either's work.
std::vector<PyLoadedAlike> LoadAlike(Engine& engine, const std::vector<PyAlike>& models) {
  std::vector<Alike> all;
  all.reserve(models.size());
  for (const auto& [spec, signature, metrics] : models) {
    all.push_back({*spec, *signature, {}, {}, {}});
    if (metrics != nullptr) {
      all.back().metrics = *metrics;
    }
  }
  {
    py::gil_scoped_release release;
    for (Alike& each : all) {
      (void)each.Load(engine);  // Loaded by itself, it says what is wrong.
    }
  }
  std::vector<PyLoadedAlike> results;
  for (Alike& each : all) {
    PyLoadedAlike& result = results.emplace_back();
    if (each.model != nullptr) {
      result.first = PyLoadedModel{std::move(each.model)};
    } else if (each.opened.backend != nullptr) {
      result.second = std::make_unique<PyOpenedModel>(ToPython(std::move(each.opened)));
    }
  }
  return results;
}

std::unique_ptr<PyMadeInstances> MakeMoreInstances(Engine& engine, const PyLoadedModel& loaded, const ModelSpec& spec,
                                                   const std::vector<std::size_t>& ordinals, PyOpenedModel* opened) {
  OpenedModel taken = opened == nullptr ? OpenedModel{} : std::move(opened->opened);
  const ServedModelPtr model = loaded.model;
  const ModelSpec copy = spec;  // Python may change its object meanwhile.
  Result<MadeInstances> made = [&] {
    py::gil_scoped_release release;
    return engine.MakeInstances(model, copy, ordinals, std::move(taken), VerboseWarmUpLog());
  }();
  return std::make_unique<PyMadeInstances>(PyMadeInstances{ValueOrRaise(std::move(made))});
}

std::pair<std::vector<std::size_t>, PyRetirement> UpdateInstances(Engine& engine, const PyLoadedModel& loaded,
                                                                  PyMadeInstances* added,
                                                                  std::vector<std::size_t> removed) {
  MadeInstances taken = added == nullptr ? MadeInstances{} : std::exchange(added->made, {});
  const ServedModelPtr model = loaded.model;
  py::gil_scoped_release release;
  auto [numbers, retirement] = engine.UpdateInstances(model, std::move(taken), std::move(removed));
  return {std::move(numbers), PyRetirement{std::move(retirement)}};
}

// Processes are waited for, whose last words may need Python.
void DiscardInstances(PyMadeInstances& self) {
  std::optional<MadeInstances> unused = std::exchange(self.made, {});
  py::gil_scoped_release release;
  unused.reset();
}

void Publish(Engine& engine, const std::string& name, const std::map<std::int64_t, PyLoadedModel>& versions,
             std::vector<std::int64_t> unready) {
  ModelRegistry::Versions ready;
  for (const auto& [version, loaded] : versions) {
    ready.emplace(version, loaded.model);
  }
  py::gil_scoped_release release;
  engine.Publish(name, std::move(ready), std::move(unready));
}

// Not interrupted by signals.
bool WaitForRetirement(const PyRetirement& self, std::optional<double> timeout) {
  constexpr double kLongest = 1e9;  // Seconds.
  const std::uint64_t deadline =
      timeout ? NowNanoseconds() + static_cast<std::uint64_t>(std::clamp(*timeout, 0.0, kLongest) * 1e9) : 0;
  return self.retirement->Wait(deadline);
}

// Waits in slices, so that a main thread gets to run its signal handlers.
std::unique_ptr<PyControlCall> NextControlCall(Engine& engine, std::optional<double> timeout) {
  constexpr std::uint64_t kSlice = 1'000'000'000;
  constexpr double kLongest = 1e9;  // Seconds.
  const std::uint64_t start = NowNanoseconds();
  const std::uint64_t end =
      timeout ? start + static_cast<std::uint64_t>(std::clamp(*timeout, 0.0, kLongest) * 1e9) : UINT64_MAX;
  while (true) {
    const std::uint64_t slice_end = std::min(end, NowNanoseconds() + kSlice);
    std::unique_ptr<ControlCall> call;
    {
      py::gil_scoped_release release;
      call = engine.control().Next(slice_end);
    }
    if (call != nullptr) {
      return std::make_unique<PyControlCall>(PyControlCall{std::move(call)});
    }
    if (PyErr_CheckSignals() != 0) {
      throw py::error_already_set();
    }
    if (engine.control().stopped() || NowNanoseconds() >= end) {
      return nullptr;
    }
  }
}

py::bytes ToPyBytes(Bytes bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

std::vector<py::bytes> ControlSegments(const PyControlCall& self) {
  std::vector<py::bytes> copies;
  for (const Bytes segment : self.call->call().segments()) {
    copies.push_back(ToPyBytes(segment));
  }
  return copies;
}

void BindModels(py::module_& m) {
  py::class_<SignatureTensor>(m, "SignatureTensor")
      .def_readonly("name", &SignatureTensor::name)
      .def_property_readonly("datatype", [](const SignatureTensor& self) { return static_cast<int>(self.datatype); })
      .def_readonly("dims", &SignatureTensor::dims)
      .def_readonly("optional", &SignatureTensor::optional)
      .def_readonly("is_tensor", &SignatureTensor::is_tensor);
  py::class_<ModelSignature>(m, "ModelSignature")
      .def_readonly("inputs", &ModelSignature::inputs)
      .def_readonly("outputs", &ModelSignature::outputs)
      .def_readonly("known", &ModelSignature::known);
  py::class_<PyOpenedModel>(m, "OpenedModel").def_readonly("signature", &PyOpenedModel::signature);
  py::class_<PyLoadedModel>(m, "LoadedModel");
  py::class_<PyMadeInstances>(m, "MadeInstances").def("discard", &DiscardInstances);
  py::class_<PyRetirement>(m, "Retirement")
      .def("wait", &WaitForRetirement, py::arg("timeout") = py::none(), py::call_guard<py::gil_scoped_release>());
}

void BindControlCall(py::module_& m) {
  using ReleaseGil = py::call_guard<py::gil_scoped_release>;
  py::class_<PyControlCall>(m, "ControlCall")
      .def_property_readonly("method",
                             [](const PyControlCall& self) { return static_cast<int>(self.call->call().method()); })
      .def_property_readonly("message",
                             [](const PyControlCall& self) { return ToPyBytes(self.call->call().message()); })
      .def_property_readonly("segments", &ControlSegments)
      .def_property_readonly("peer_process_id",
                             [](const PyControlCall& self) { return self.call->call().peer().process_id; })
      .def_property_readonly("peer_name", [](const PyControlCall& self) { return self.call->call().peer().name; })
      .def(
          "reply", [](PyControlCall& self, std::string message) { self.call->Reply(std::move(message)); },
          py::arg("message"), ReleaseGil())
      .def(
          "fail",
          [](PyControlCall& self, int code, std::string text) {
            self.call->Fail(Status(static_cast<Code>(code), std::move(text)));
          },
          py::arg("code"), py::arg("text"), ReleaseGil());
}

}  // namespace

void BindEngine(py::module_& m) {
  using ReleaseGil = py::call_guard<py::gil_scoped_release>;
  BindModels(m);
  BindControlCall(m);
  BindRemoteCache(m);
  BindTrace(m);
  py::class_<Engine, EngineHolder>(m, "Engine")
      .def(py::init(&MakeEngine), py::arg("rate_limit") = py::none(), py::arg("local_cache_byte_size") = 0,
           py::arg("remote_cache") = false, py::arg("counters") = true, py::arg("histograms") = false,
           py::arg("summaries") = py::none(), py::arg("trace") = TraceConfig(),
           py::arg("pinned_memory_byte_size") = py::none(),
           py::arg("limits") = std::tuple<std::uint64_t, std::uint64_t, std::uint64_t>())
      .def("listen", &Listen, py::arg("socket_path"), py::arg("answer_budget_byte_size") = std::uint64_t{4} << 30)
      .def("open_model", &Open, py::arg("spec"))
      .def("open_python_model", &OpenPython, py::arg("links"))
      .def("load_model", &Load, py::arg("spec"), py::arg("opened") = nullptr, py::arg("metrics") = nullptr)
      .def("load_alike", &LoadAlike, py::arg("models"))
      .def("make_instances", &MakeMoreInstances, py::arg("model"), py::arg("spec"), py::arg("ordinals"),
           py::arg("opened") = nullptr)
      .def("update_instances", &UpdateInstances, py::arg("model"), py::arg("added"), py::arg("removed"))
      .def_property_readonly("pinned_memory_in_use", [](const Engine&) { return cuda::PinnedMemoryInUse(); })
      .def("metrics_text", &Engine::Metrics, ReleaseGil())
      .def("end_metrics_interval", &Engine::EndMetricsInterval, py::arg("seconds"), ReleaseGil())
      .def(
          "statistics",
          [](const Engine& engine, const std::string& name, std::int64_t version) {
            return ValueOrRaise(engine.Statistics(name, version));
          },
          py::arg("name"), py::arg("version") = -1)
      .def("publish", &Publish, py::arg("name"), py::arg("versions"), py::arg("unready") = std::vector<std::int64_t>())
      .def(
          "retract", [](Engine& engine, const std::string& name) { return PyRetirement{engine.Retract(name)}; },
          py::arg("name"), ReleaseGil())
      .def("alias", &Engine::Alias, py::arg("name"), py::arg("target"), ReleaseGil())
      .def(
          "refuse",
          [](Engine& self, const std::string& name, std::uint16_t code, std::string text) {
            self.Refuse(name, Status(static_cast<Code>(code), std::move(text)));
          },
          py::arg("name"), py::arg("code"), py::arg("text"), ReleaseGil())
      .def("register_system_region", &RegisterSystemRegion, py::arg("name"), py::arg("key"), py::arg("offset"),
           py::arg("byte_size"))
      .def("system_regions", &ListSystemRegions, py::arg("name") = "")
      .def("unregister_system_region", &UnregisterRegion<RegionKind::kSystem>, py::arg("name") = "", ReleaseGil())
      .def("register_cuda_region", &RegisterCudaRegion, py::arg("name"), py::arg("handle"), py::arg("device_id"),
           py::arg("byte_size"))
      .def("cuda_regions", &ListCudaRegions, py::arg("name") = "")
      .def("unregister_cuda_region", &UnregisterRegion<RegionKind::kCuda>, py::arg("name") = "", ReleaseGil())
      .def("next_control_call", &NextControlCall, py::arg("timeout") = py::none())
      .def("next_cache_task", &NextCacheTask, py::arg("timeout"))
      .def("suspend_cache", &SuspendCache, py::arg("seconds"), ReleaseGil())
      .def("update_trace", &UpdateTrace, py::arg("model"), py::arg("changes"))
      .def("trace_values", &GetTraceValues, py::arg("model"))
      .def("next_traces", &NextTraces, py::arg("timeout"))
      .def("stop", &Engine::Stop, ReleaseGil())
      .def_property_readonly("dropped_traces", &DroppedTraces)
      // Stop holds the engine's lock while it waits for threads that may need the GIL.
      .def_property_readonly("peer_count",
                             [](const Engine& self) {
                               py::gil_scoped_release release;
                               return self.peer_count();
                             })
      .def(
          "peers",
          [](const Engine& self) {
            std::vector<std::pair<std::int32_t, std::string>> peers;
            for (PeerInfo& info : self.peers()) {
              peers.emplace_back(info.process_id, std::move(info.name));
            }
            return peers;
          },
          ReleaseGil())
      .def_property_readonly("idle_seconds", [](const Engine& self) {
        py::gil_scoped_release release;
        return static_cast<double>(self.idle_nanoseconds()) * 1e-9;
      });
}

}  // namespace triton_lite::bindings
