// configure_log.
#include "log/log.h"

#include <pybind11/stl.h>

#include <cstdint>
#include <string>
#include <utility>

#include "bindings/bindings.h"

namespace py = pybind11;

namespace triton_lite::bindings {

void BindLog(py::module_& m) {
  m.def(
      "configure_log",
      [](std::uint64_t settings, std::string file, std::string page, bool escape) {
        ConfigureLog({LogSettings::FromWord(settings), std::move(file), std::move(page), escape});
      },
      py::arg("settings"), py::arg("file") = "", py::arg("page") = "", py::arg("escape") = true);
}

}  // namespace triton_lite::bindings
