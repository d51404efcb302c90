// Buffers between C++ and Python without copies: borrowing Python's, exporting ours.
#pragma once

#include <pybind11/pybind11.h>

#include <cstddef>
#include <utility>

#include "core/bytes.h"

namespace triton_lite::bindings {

// The contiguous bytes of any object with the buffer protocol. Needs the GIL to be made and destroyed; while it lives
// the exporter neither moves nor frees them.
class BorrowedBuffer {
 public:
  explicit BorrowedBuffer(pybind11::handle object) {
    if (PyObject_GetBuffer(object.ptr(), &view_, PyBUF_SIMPLE) != 0) {
      throw pybind11::error_already_set();
    }
  }
  BorrowedBuffer(BorrowedBuffer&& other) noexcept : view_(other.view_) { other.view_.obj = nullptr; }
  BorrowedBuffer& operator=(BorrowedBuffer&&) = delete;
  ~BorrowedBuffer() {
    if (view_.obj != nullptr) {
      PyBuffer_Release(&view_);
    }
  }

  Bytes bytes() const { return {static_cast<const std::byte*>(view_.buf), static_cast<std::size_t>(view_.len)}; }

 private:
  Py_buffer view_{};
};

// Makes `Exporter` (with `MutableBytes exported()` and `static constexpr bool kReadOnly`) a buffer in Python.
template <typename Exporter>
int ExportBuffer(PyObject* self, Py_buffer* view, int flags) {
  static std::byte empty;
  const MutableBytes bytes = pybind11::handle(self).cast<Exporter&>().exported();
  void* const data = bytes.empty() ? &empty : bytes.data();
  return PyBuffer_FillInfo(view, self, data, static_cast<Py_ssize_t>(bytes.size()), Exporter::kReadOnly ? 1 : 0, flags);
}

template <typename Exporter>
void BindExporter(pybind11::module_& m, const char* name) {
  pybind11::class_<Exporter>(m, name, pybind11::custom_type_setup([](PyHeapTypeObject* type) {
                               type->as_buffer.bf_getbuffer = &ExportBuffer<Exporter>;
                               type->as_buffer.bf_releasebuffer = nullptr;
                               type->ht_type.tp_as_buffer = &type->as_buffer;
                             }));
}

template <typename Exporter>
pybind11::object ViewOf(Exporter exporter) {
  const pybind11::object object = pybind11::cast(std::move(exporter));
  PyObject* const view = PyMemoryView_FromObject(object.ptr());
  if (view == nullptr) {
    throw pybind11::error_already_set();
  }
  return pybind11::reinterpret_steal<pybind11::object>(view);
}

}  // namespace triton_lite::bindings
