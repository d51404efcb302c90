// configure_onnxruntime: where the control plane found ONNX Runtime.
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
}

}  // namespace triton_lite::bindings
