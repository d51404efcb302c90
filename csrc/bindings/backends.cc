// Where the control plane found ONNX Runtime.
#include <pybind11/stl.h>

#include "backends/ort_library.h"
#include "bindings/bindings.h"
#include "engine/cpu_budget.h"

namespace triton_lite::bindings {

void BindBackends(pybind11::module_& m) {
  m.def(
      "configure_onnxruntime",
      [](std::string library_path) { ConfigureOnnxRuntime(std::move(library_path), AvailableCores()); },
      pybind11::arg("library_path"),
      "Say where libonnxruntime.so lies, before the first ONNX model opens; later calls change nothing.");
  m.def("prepare_onnxruntime", &PrepareOnnxRuntime, pybind11::arg("backend_config"),
        pybind11::call_guard<pybind11::gil_scoped_release>(),
        "Load the library ahead of the first model, which tells what is wrong with it.");
}

}  // namespace triton_lite::bindings
