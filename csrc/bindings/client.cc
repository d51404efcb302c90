// Answer and ChannelClient.
#include "channel/client.h"

#include <pybind11/stl.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "bindings/bindings.h"
#include "bindings/buffer_view.h"
#include "bindings/channel_client.h"
#include "bindings/detached.h"
#include "bindings/device_memory.h"
#include "engine/engine.h"
#include "wire/call_metadata.h"
#include "wire/infer_message.h"

namespace py = pybind11;

namespace triton_lite::bindings {
namespace {

std::unique_ptr<PyClient> Connect(std::string socket_path, std::string name, std::uint32_t max_calls,
                                  std::uint64_t body_budget_byte_size, std::uint32_t stream_window) {
  RingClientOptions options;
  options.socket_path = std::move(socket_path);
  options.name = std::move(name);
  options.max_calls = max_calls;
  options.body_budget_byte_size = body_budget_byte_size;
  options.stream_window = stream_window;
  auto client = Detached(true, [&] { return ConnectRings(options); });
  RaiseIfError(client.status());
  return std::make_unique<PyClient>(*std::move(client), py::none());
}

// `since`: when the front end began to receive the request, 0 if nobody wants to know; the rest it has packed.
std::string MetadataOf(std::uint64_t since, std::string_view about) {
  if (since == 0 && about.empty()) {
    return {};
  }
  return wire::EncodeCallMetadata(since, since == 0 ? 0 : NowNanoseconds(), about);
}

CallId SendBuffers(PyClient& client, std::uint16_t method, const py::object& message, const py::sequence& segments,
                   std::uint64_t since, std::string_view about) {
  const BorrowedBuffer text(message);
  std::vector<BorrowedBuffer> buffers;
  std::vector<Bytes> views;
  const std::size_t count = segments.size();
  buffers.reserve(count);
  views.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    const py::object segment = segments[i];
    views.push_back(buffers.emplace_back(segment).bytes());
  }
  const std::string metadata = MetadataOf(since, about);
  return client.Send(static_cast<Method>(method),
                     {.message = AsText(text.bytes()), .segments = views, .metadata = metadata});
}

// What is smaller is copied: that costs less than keeping a Python object from another thread.
constexpr std::size_t kLentByteSize = 16 * 1024;

Buffer Lend(const py::object& tensor) {
  if (py::isinstance<PyDeviceMemory>(tensor)) {
    return tensor.cast<const PyDeviceMemory&>().buffer;
  }
  auto view = std::make_unique<BorrowedBuffer>(tensor);
  const Bytes bytes = view->bytes();
  if (bytes.size() < kLentByteSize) {
    Buffer copy = ValueOrRaise(AllocateHeap(bytes.size()));
    std::copy(bytes.begin(), bytes.end(), copy.data);
    return copy;
  }
  std::shared_ptr<BorrowedBuffer> owner(view.release(), [](BorrowedBuffer* mine) {
    const py::gil_scoped_acquire acquire;
    const std::unique_ptr<BorrowedBuffer> last(mine);
  });
  return {const_cast<std::byte*>(bytes.data()), bytes.size(), std::move(owner)};
}

CallId LendTensors(PyClient& client, std::uint16_t method, const py::object& message, const py::sequence& tensors,
                   bool device_outputs) {
  const BorrowedBuffer text(message);
  std::vector<Buffer> lent;
  const std::size_t count = tensors.size();
  lent.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    lent.push_back(Lend(tensors[i]));
  }
  return client.Send(static_cast<Method>(method), {AsText(text.bytes()), {}, lent, device_outputs});
}

CallId SendHttp(PyClient& client, const PyHttpInferCall& call, std::uint64_t since, std::string_view about) {
  const std::string metadata = MetadataOf(since, about);
  return client.Send(HttpMethod(call.call, call.regions_denied),
                     {.message = call.call.message, .segments = call.call.segments, .metadata = metadata});
}

py::bytes Framed(const PyAnswer& answer, bool in_stream) {
  const Bytes head = answer.received->message();
  const std::span<const Bytes> segments = answer.received->segments();
  const std::size_t size = wire::FramedSize(head, segments, in_stream);
  PyObject* const bytes = PyBytes_FromStringAndSize(nullptr, static_cast<Py_ssize_t>(size));
  if (bytes == nullptr) {
    throw py::error_already_set();
  }
  const MutableBytes out(reinterpret_cast<std::byte*>(PyBytes_AS_STRING(bytes)), size);
  Detached(size >= kLargeByteSize, [&] { wire::WriteFramed(head, segments, in_stream, out); });
  return py::reinterpret_steal<py::bytes>(bytes);
}

py::list Segments(const py::object& self) {
  const std::span<const Bytes> segments = self.cast<const PyAnswer&>().received->segments();
  py::list list(segments.size());
  const std::span<const Buffer> buffers = self.cast<const PyAnswer&>().received->buffers();
  for (std::size_t i = 0; i < segments.size(); ++i) {
    if (i < buffers.size() && buffers[i].kind == MemoryKind::kDevice) {
      list[i] = py::cast(PyDeviceMemory{buffers[i]});
    } else {
      list[i] = ViewOf(AnswerSegment{self, segments[i]});
    }
  }
  return list;
}

py::bytes Message(const PyAnswer& answer) {
  const std::string_view message = AsText(answer.received->message());
  return py::bytes(message.data(), message.size());
}

}  // namespace

void BindClient(py::module_& m) {
  BindExporter<AnswerSegment>(m, "_AnswerSegment");
  BindExporter<RequestBody>(m, "_RequestBody");

  py::class_<PyAnswer>(m, "Answer", "One answer of a call; owns the engine's memory until it is collected.")
      .def_property_readonly("call", [](const PyAnswer& self) { return self.received->call(); })
      .def_property_readonly("last", [](const PyAnswer& self) { return self.received->last(); })
      .def_property_readonly("code",
                             [](const PyAnswer& self) { return static_cast<int>(self.received->status().code()); })
      .def_property_readonly("text", [](const PyAnswer& self) { return self.received->status().message(); })
      .def_property_readonly("traced", [](const PyAnswer& self) { return self.received->traced(); })
      .def_property_readonly("many", [](const PyAnswer& self) { return self.received->many(); })
      .def("acknowledge", [](const PyAnswer& self) { self.received->Acknowledge(); })
      .def_property_readonly("message", &Message)
      .def_property_readonly("segments", &Segments)
      .def("framed", &Framed, py::arg("in_stream"));

  py::class_<PyClient>(m, "ChannelClient", "Sends calls to an engine and takes its answers. Thread-safe.")
      .def(py::init(&Connect), py::arg("socket_path"), py::arg("name") = "client", py::arg("max_calls") = 1024,
           py::arg("body_budget_byte_size") = std::uint64_t{4} << 30, py::arg("stream_window") = kStreamWindow)
      .def_static(
          "direct",
          [](const py::object& engine) {
            return std::make_unique<PyClient>(MakeDirectClient(&engine.cast<Engine&>()), engine);
          },
          py::arg("engine"))
      .def("send", &SendBuffers, py::arg("method"), py::arg("message"), py::arg("segments") = py::tuple(),
           py::arg("since") = 0, py::arg("about") = py::bytes())
      .def("lend", &LendTensors, py::arg("method"), py::arg("message"), py::arg("tensors"),
           py::arg("device_outputs") = false)
      .def("send_http", &SendHttp, py::arg("call"), py::arg("since") = 0, py::arg("about") = py::bytes())
      .def(
          "allocate_body",
          [](PyClient& self, std::size_t byte_size) {
            return ViewOf(RequestBody{ValueOrRaise(self.AllocateBody(byte_size))});
          },
          py::arg("byte_size"))
      .def(
          "cancel", [](PyClient& self, CallId call) { Detached(true, [&] { self.client().Cancel(call); }); },
          py::arg("call"))
      .def("fileno", [](PyClient& self) { return self.client().fd(); })
      .def("poll", &PyClient::Poll)
      .def("arm", [](PyClient& self) { return self.client().ArmWakeup(); })
      .def("wait", &PyClient::Wait, py::arg("call"), py::arg("timeout") = py::none())
      .def_property_readonly("connected", [](PyClient& self) { return self.client().connected(); })
      .def_property_readonly("tracing", [](PyClient& self) { return static_cast<int>(self.client().tracing()); });
}

}  // namespace triton_lite::bindings
