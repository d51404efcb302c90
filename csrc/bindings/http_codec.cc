// HttpInferCall, decode_http_infer, encode_http_infer.
#include <pybind11/stl.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "bindings/bindings.h"
#include "bindings/detached.h"
#include "wire/http_infer.h"
#include "wire/pb_reader.h"

namespace py = pybind11;

namespace triton_lite::bindings {
namespace {

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
  RaiseIfError(
      Detached(request.body.size() >= kLargeByteSize, [&] { return wire::DecodeHttpInfer(request, &call->call); }));
  return call;
}

// JSON text and tail in one bytes object.
py::bytes JoinBody(const wire::HttpInferAnswer& answer) {
  const std::size_t size = answer.byte_size();
  PyObject* const object = PyBytes_FromStringAndSize(nullptr, static_cast<Py_ssize_t>(size));
  if (object == nullptr) {
    throw py::error_already_set();
  }
  const auto body = py::reinterpret_steal<py::bytes>(object);
  Detached(size >= kLargeByteSize, [&] { answer.Write(PyBytes_AS_STRING(object)); });
  return body;
}

py::tuple Encode(const PyAnswer& answer, const PyHttpInferCall& call) {
  const wire::HttpInferAnswer encoded = EncodeAnswer(answer, call.call.format);
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

wire::HttpInferAnswer EncodeAnswer(const PyAnswer& answer, const wire::ResponseFormat& format) {
  wire::HttpInferAnswer encoded;
  const std::span<const Bytes> segments = answer.received->segments();
  std::size_t byte_size = 0;
  for (Bytes segment : segments) {
    byte_size += segment.size();
  }
  RaiseIfError(Detached(byte_size >= kLargeByteSize,
                        [&] { return wire::EncodeHttpInfer(answer.received->message(), segments, format, &encoded); }));
  return encoded;
}

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
