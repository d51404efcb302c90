#include "bindings/bindings.h"

namespace py = pybind11;

namespace triton_lite::bindings {

void Raise(const Status& status) {
  const py::object type = py::module_::import("triton_lite.errors").attr("TritonError");
  const py::object error = type(static_cast<int>(status.code()), status.message());
  PyErr_SetObject(type.ptr(), error.ptr());
  throw py::error_already_set();
}

// The exception type itself lives in Python (triton_lite.errors); only its use is native.
void BindStatus(py::module_&) {}

}  // namespace triton_lite::bindings
