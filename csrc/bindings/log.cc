// configure_log, start_access_log, stop_access_log.
#include "log/log.h"

#include <pybind11/stl.h>

#include <cstdint>
#include <string>
#include <utility>

#include "bindings/bindings.h"
#include "log/access_log.h"
#include "log/crash_trace.h"

namespace py = pybind11;

namespace triton_lite::bindings {

void BindLog(py::module_& m) {
  m.def(
      "configure_log",
      [](std::uint64_t settings, std::string file, std::string page, bool escape) {
        ConfigureLog({LogSettings::FromWord(settings), std::move(file), std::move(page), escape});
      },
      py::arg("settings"), py::arg("file") = "", py::arg("page") = "", py::arg("escape") = true);
  m.def(
      "start_access_log", [](const std::string& path) { RaiseIfError(StartProcessAccessLog(path)); }, py::arg("path"));
  m.def("install_crash_traces", &InstallCrashTraces);
  m.def("stop_access_log", &StopProcessAccessLog, py::call_guard<py::gil_scoped_release>());
}

}  // namespace triton_lite::bindings
