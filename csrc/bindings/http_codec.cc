// HttpInferCall, decode_http_infer, encode_http_infer.
#include <pybind11/stl.h>

#include <cstring>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "bindings/bindings.h"
#include "wire/http_infer.h"
#include "wire/pb_reader.h"

namespace py = pybind11;

namespace triton_lite::bindings {
namespace {

// Below this a codec call is shorter than letting the GIL go and taking it back.
constexpr std::size_t kLargeBody = 64 * 1024;

// Runs `work` without the GIL when it is long enough to pay.
template <typename Work>
void RunDetached(std::size_t byte_size, Work work) {
  if (byte_size < kLargeBody) {
    work();
    return;
  }
  py::gil_scoped_release release;
  work();
}

// A view that keeps the exporter from moving or freeing its bytes.
py::object ContiguousView(const py::buffer& buffer) {
  PyObject* const view = PyMemoryView_GetContiguous(buffer.ptr(), PyBUF_READ, 'C');
  if (view == nullptr) {
    throw py::error_already_set();
  }
  return py::reinterpret_steal<py::object>(view);
}

Bytes BytesOf(const py::object& view) {
  const Py_buffer* const buffer = PyMemoryView_GET_BUFFER(view.ptr());
  return {static_cast<const std::byte*>(buffer->buf), static_cast<std::size_t>(buffer->len)};
}

// Triton answers such a request before it has set the type of its answer.
[[noreturn]] void RaiseBeforeContentType(const Status& status) {
  try {
    Raise(status);
  } catch (py::error_already_set& error) {
    error.value().attr("content_type") = "text/plain";
    throw;
  }
}

std::unique_ptr<PyHttpInferCall> Decode(const std::string& model_name, const std::string& model_version,
                                        const py::buffer& body, const std::optional<std::string>& header_length,
                                        const std::vector<std::pair<std::string, std::string>>& forwarded,
                                        std::uint64_t max_input_size) {
  auto call = std::make_unique<PyHttpInferCall>();
  call->body = ContiguousView(body);
  wire::HttpInferRequest request;
  request.model_name = model_name;
  request.model_version = model_version;
  request.body = BytesOf(call->body);
  request.header_length = header_length;
  request.forwarded = forwarded;
  request.max_input_byte_size = max_input_size;
  if (const auto length = wire::ParseHeaderLength(request.header_length, request.body.size()); !length.ok()) {
    RaiseBeforeContentType(length.status());
  }
  Status status;
  RunDetached(request.body.size(), [&] { status = wire::DecodeHttpInfer(request, &call->call); });
  RaiseIfError(status);
  return call;
}

std::size_t TotalSize(std::span<const Bytes> runs) {
  std::size_t size = 0;
  for (Bytes run : runs) {
    size += run.size();
  }
  return size;
}

// JSON text and tail in one bytes object.
py::bytes JoinBody(const wire::HttpInferAnswer& answer) {
  const std::size_t size = answer.json.size() + TotalSize(answer.tail);
  PyObject* const object = PyBytes_FromStringAndSize(nullptr, static_cast<Py_ssize_t>(size));
  if (object == nullptr) {
    throw py::error_already_set();
  }
  const auto body = py::reinterpret_steal<py::bytes>(object);
  char* at = PyBytes_AS_STRING(object);
  RunDetached(size, [&] {
    std::memcpy(at, answer.json.data(), answer.json.size());
    at += answer.json.size();
    for (Bytes run : answer.tail) {
      std::memcpy(at, run.data(), run.size());
      at += run.size();
    }
  });
  return body;
}

py::tuple Encode(const PyAnswer& answer, const PyHttpInferCall& call) {
  wire::HttpInferAnswer encoded;
  Status status;
  const std::span<const Bytes> segments = answer.received->segments();
  RunDetached(TotalSize(segments), [&] {
    status = wire::EncodeHttpInfer(answer.received->message(), segments, call.call.format, &encoded);
  });
  RaiseIfError(status);
  const py::object header_length = encoded.has_binary ? py::object(py::int_(encoded.json.size())) : py::none();
  return py::make_tuple(JoinBody(encoded), header_length);
}

std::vector<py::bytes> CopySegments(const PyHttpInferCall& call) {
  std::vector<py::bytes> copies;
  for (Bytes segment : call.call.segments) {
    const std::string_view text = AsText(segment);
    copies.emplace_back(text.data(), text.size());
  }
  return copies;
}

}  // namespace

void BindHttpCodec(py::module_& m) {
  py::class_<PyHttpInferCall>(m, "HttpInferCall")
      .def_property_readonly("raw_binary", [](const PyHttpInferCall& call) { return call.call.raw_binary; })
      .def_property_readonly("message", [](const PyHttpInferCall& call) { return py::bytes(call.call.message); })
      .def_property_readonly("header_id", [](const PyHttpInferCall& call) { return py::bytes(call.call.header_id); })
      .def("copy_segments", &CopySegments)
      .def("deny_regions", [](PyHttpInferCall& call) { call.regions_denied = true; });
  m.def("decode_http_infer", &Decode, py::arg("model_name"), py::arg("model_version"), py::arg("body"),
        py::arg("header_length"), py::arg("forwarded") = std::vector<std::pair<std::string, std::string>>(),
        py::arg("max_input_size") = 0);
  m.def(
      "is_whole_message", [](std::string_view message) { return wire::IsWholeMessage(AsBytes(message)); },
      py::arg("message"));
  m.def("encode_http_infer", &Encode, py::arg("answer"), py::arg("call"));
}

}  // namespace triton_lite::bindings
