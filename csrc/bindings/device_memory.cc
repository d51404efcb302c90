#include "bindings/device_memory.h"

#include <pybind11/stl.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "bindings/bindings.h"
#include "bindings/buffer_view.h"
#include "bindings/dlpack_abi.h"
#include "cuda/copies.h"
#include "cuda/driver.h"

namespace py = pybind11;

namespace triton_lite::bindings {
namespace {

// Memory of the host that a tensor of a GPU was copied to.
struct HostCopy {
  static constexpr bool kReadOnly = true;
  Buffer memory;
  MutableBytes exported() const { return memory.mutable_bytes(); }
};

// The GPU that an address belongs to.
Result<std::int32_t> FindDevice(std::uint64_t pointer) {
  const cuda::DeviceScope scope(0);
  RETURN_IF_ERROR(scope.status());
  unsigned type = 0;
  if (cuda::Api().cuPointerGetAttribute(&type, cuda::kAttributeMemoryType, pointer) != cuda::kSuccess ||
      type != cuda::kMemoryTypeDevice) {
    return InvalidArgument("the tensor does not lie in the memory of a GPU");
  }
  int device = 0;
  RETURN_IF_ERROR(cuda::Take(cuda::Api().cuPointerGetAttribute(&device, cuda::kAttributeDeviceOrdinal, pointer),
                             "find the GPU of a tensor"));
  return device;
}

// Waits for what its producer does to a tensor on `stream`.
Status WaitForStream(std::int32_t device_id, std::uint64_t stream) {
  const cuda::DeviceScope scope(device_id);
  RETURN_IF_ERROR(scope.status());
  return cuda::Take(cuda::Api().cuStreamSynchronize(reinterpret_cast<cuda::RawStream*>(stream)),
                    "wait for the producer of a tensor");
}

PyDeviceMemory Wrap(std::uint64_t pointer, std::size_t byte_size, py::object owner,
                    std::optional<std::uint64_t> stream) {
  const std::int32_t device_id = ValueOrRaise(FindDevice(pointer));
  if (stream.has_value()) {
    Status waited;
    {
      py::gil_scoped_release release;
      waited = WaitForStream(device_id, *stream);
    }
    RaiseIfError(waited);
  }
  return {
      {reinterpret_cast<std::byte*>(pointer), byte_size, KeepAlive(std::move(owner)), MemoryKind::kDevice, device_id}};
}

py::object ToHost(const PyDeviceMemory& self) {
  Result<Buffer> copy = Unavailable("");
  {
    py::gil_scoped_release release;
    copy = cuda::OnHost(self.buffer);
  }
  return ViewOf(HostCopy{ValueOrRaise(std::move(copy))});
}

struct TensorDeleter {
  void operator()(dlpack::ManagedTensor* tensor) const {
    if (tensor->deleter != nullptr) {
      tensor->deleter(tensor);
    }
  }
};

bool IsContiguous(const dlpack::Tensor& tensor) {
  std::int64_t expected = 1;
  for (std::int32_t i = tensor.ndim; tensor.strides != nullptr && i-- > 0;) {
    if (tensor.shape[i] != 1 && tensor.strides[i] != expected) {
      return false;
    }
    expected *= tensor.shape[i];
  }
  return true;
}

using Imported = std::tuple<PyDeviceMemory, std::tuple<int, int>, std::vector<std::int64_t>>;

// Takes the tensor out of a capsule. Its producer was asked to have the default stream wait for its work.
Imported Import(const py::capsule& capsule) {
  if (capsule.name() == nullptr || std::string(capsule.name()) != dlpack::kCapsule) {
    Raise(InvalidArgument("the tensor's DLPack capsule is none, or was used before"));
  }
  std::shared_ptr<dlpack::ManagedTensor> managed(capsule.get_pointer<dlpack::ManagedTensor>(), TensorDeleter{});
  if (PyCapsule_SetName(capsule.ptr(), dlpack::kUsedCapsule) != 0) {
    throw py::error_already_set();
  }
  const dlpack::Tensor& tensor = managed->tensor;
  if (tensor.device.type != dlpack::kCuda || tensor.dtype.lanes != 1 || !IsContiguous(tensor)) {
    Raise(InvalidArgument("a tensor on a GPU has to lie there row by row without gaps: pass a contiguous copy"));
  }
  Status waited;
  {
    py::gil_scoped_release release;
    waited = WaitForStream(tensor.device.id, 0);
  }
  RaiseIfError(waited);
  std::vector<std::int64_t> shape(tensor.shape, tensor.shape + tensor.ndim);
  std::size_t byte_size = (tensor.dtype.bits + 7u) / 8;
  for (const std::int64_t dim : shape) {
    byte_size *= static_cast<std::size_t>(dim);
  }
  auto* const data = static_cast<std::byte*>(tensor.data) + tensor.byte_offset;
  const std::tuple<int, int> type(tensor.dtype.code, tensor.dtype.bits);
  const std::int32_t device_id = tensor.device.id;
  return {PyDeviceMemory{{data, byte_size, std::move(managed), MemoryKind::kDevice, device_id}}, type,
          std::move(shape)};
}

// A tensor with what it points to.
struct Exported {
  dlpack::ManagedTensor managed;
  std::vector<std::int64_t> shape;
  std::shared_ptr<void> owner;
};

void DeleteExported(dlpack::ManagedTensor* tensor) {
  const std::unique_ptr<Exported> last(static_cast<Exported*>(tensor->manager));
}

void DropCapsule(PyObject* capsule) {
  if (PyCapsule_IsValid(capsule, dlpack::kCapsule) != 0) {
    DeleteExported(static_cast<dlpack::ManagedTensor*>(PyCapsule_GetPointer(capsule, dlpack::kCapsule)));
  }
}

py::object Export(const PyDeviceMemory& memory, int code, int bits, std::vector<std::int64_t> shape) {
  auto exported = std::make_unique<Exported>();
  exported->shape = std::move(shape);
  exported->owner = memory.buffer.owner;
  dlpack::Tensor& tensor = exported->managed.tensor;
  tensor.data = memory.buffer.data;
  tensor.device = {dlpack::kCuda, memory.buffer.device_id};
  tensor.ndim = static_cast<std::int32_t>(exported->shape.size());
  tensor.dtype = {static_cast<std::uint8_t>(code), static_cast<std::uint8_t>(bits), 1};
  tensor.shape = exported->shape.data();
  tensor.strides = nullptr;
  tensor.byte_offset = 0;
  exported->managed.manager = exported.get();
  exported->managed.deleter = &DeleteExported;
  PyObject* const capsule = PyCapsule_New(&exported->managed, dlpack::kCapsule, &DropCapsule);
  if (capsule == nullptr) {
    throw py::error_already_set();
  }
  (void)exported.release();  // The capsule's, or its consumer's.
  return py::reinterpret_steal<py::object>(capsule);
}

}  // namespace

std::shared_ptr<void> KeepAlive(py::object object) {
  PyObject* const held = object.release().ptr();
  return {static_cast<void*>(held), [](void* mine) {
            const py::gil_scoped_acquire acquire;
            Py_DECREF(static_cast<PyObject*>(mine));
          }};
}

void BindDeviceMemory(py::module_& m) {
  BindExporter<HostCopy>(m, "_HostCopy");
  py::class_<PyDeviceMemory>(m, "DeviceMemory")
      .def(py::init(&Wrap), py::arg("pointer"), py::arg("byte_size"), py::arg("owner"), py::arg("stream") = py::none())
      .def_property_readonly(
          "pointer", [](const PyDeviceMemory& self) { return reinterpret_cast<std::uintptr_t>(self.buffer.data); })
      .def_property_readonly("byte_size", [](const PyDeviceMemory& self) { return self.buffer.size; })
      .def_property_readonly("device_id", [](const PyDeviceMemory& self) { return self.buffer.device_id; })
      .def("to_host", &ToHost)
      .def_static("from_dlpack", &Import, py::arg("capsule"))
      .def("to_dlpack", &Export, py::arg("code"), py::arg("bits"), py::arg("shape"));
}

}  // namespace triton_lite::bindings
