// InferExchange, begin_http_infer.
#include <pybind11/stl.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "bindings/bindings.h"
#include "bindings/buffer_view.h"
#include "bindings/channel_client.h"
#include "bindings/detached.h"
#include "wire/http_head.h"

namespace py = pybind11;

namespace triton_lite::bindings {
namespace {

// A body that comes in many pieces is received where the engine can read it, if it is large.
constexpr std::uint64_t kInPlaceByteSize = 64 * 1024;

// One usual request from its first bytes to its answer. Used from one thread.
class InferExchange {
 public:
  InferExchange(const wire::InferHead& head, bool deny_regions)
      : model_name_(head.model_name),
        model_version_(head.model_version),
        header_id_(head.request_id),
        body_byte_size_(head.body_byte_size),
        regions_denied_(deny_regions) {
    if (head.header_length) {
      header_length_.emplace(*head.header_length);
    }
  }

  // False, and nothing was done: it cannot be read or sent.
  bool Send(PyClient& client, Bytes body, std::uint64_t max_input_size) {
    wire::HttpInferRequest request;
    request.model_name = model_name_;
    request.model_version = model_version_;
    request.body = body;
    if (header_length_) {
      request.header_length = *header_length_;
    }
    request.max_input_byte_size = max_input_size;
    wire::HttpInferCall call;
    const Status decoded =
        Detached(body.size() >= kLargeByteSize, [&] { return wire::DecodeHttpInfer(request, &call); });
    if (!decoded.ok()) {
      return false;
    }
    const auto id =
        client.TrySend(HttpMethod(call, regions_denied_), {.message = call.message, .segments = call.segments});
    if (!id.ok()) {
      return false;
    }
    id_ = *id;
    format_ = std::move(call.format);
    if (!call.header_id.empty()) {
      header_id_ = std::move(call.header_id);
    }
    return true;
  }

  // The first piece of a body. False: there is no memory for it.
  bool Receive(PyClient& client, Bytes head, Bytes piece) {
    auto memory =
        body_byte_size_ >= kInPlaceByteSize ? client.AllocateBody(body_byte_size_) : AllocateHeap(body_byte_size_);
    if (!memory.ok()) {
      return false;
    }
    body_ = *std::move(memory);
    head_ = AsText(head);
    std::memcpy(body_.data, piece.data(), piece.size());
    received_ = piece.size();
    return true;
  }

  MutableBytes room() const { return body_.mutable_bytes().subspan(received_); }
  const Buffer& body() const { return body_; }

  bool Take(std::size_t byte_size) {
    received_ += std::min(byte_size, room().size());
    return received_ == body_byte_size_;
  }

  bool SendReceived(PyClient& client, std::uint64_t max_input_size) {
    const bool sent = Send(client, body_.bytes(), max_input_size);
    if (sent) {
      body_ = {};
      head_ = {};
    }
    return sent;
  }

  // What came of a request that was not sent.
  py::bytes Given() const {
    std::string given = head_;
    given += AsText(body_.bytes().first(received_));
    return py::bytes(given);
  }

  py::list Reply(const py::object& answer, std::string_view more_headers) const {
    const auto& received = answer.cast<const PyAnswer&>();
    const wire::HttpInferAnswer encoded = EncodeAnswer(received, format_);
    const std::size_t body_byte_size = encoded.byte_size();
    std::string text = wire::InferReplyHead(encoded, body_byte_size, header_id_);
    text += more_headers;
    text += "\r\n";
    py::list parts;
    if (body_byte_size < kLargeByteSize) {
      const std::size_t head_byte_size = text.size();
      text.resize(head_byte_size + body_byte_size);
      encoded.Write(text.data() + head_byte_size);
      parts.append(py::bytes(text));
      return parts;
    }
    text += encoded.json;
    parts.append(py::bytes(text));
    for (Bytes run : encoded.tail) {
      parts.append(ViewOf(AnswerSegment{answer, run}));
    }
    return parts;
  }

  CallId call() const { return id_; }
  const std::string& model_name() const { return model_name_; }
  const std::string& model_version() const { return model_version_; }
  const std::string& header_id() const { return header_id_; }

 private:
  const std::string model_name_;
  const std::string model_version_;
  std::string header_id_;
  const std::uint64_t body_byte_size_;
  const bool regions_denied_;
  std::optional<std::string> header_length_;
  std::string head_;
  Buffer body_;
  std::size_t received_ = 0;
  wire::ResponseFormat format_;
  CallId id_ = 0;
};

std::unique_ptr<InferExchange> Begin(PyClient& client, const py::bytes& data, std::uint64_t max_input_size,
                                     bool deny_regions) {
  const Bytes bytes = AsBytes(static_cast<std::string_view>(data));
  const auto head = wire::ReadInferHead(AsText(bytes));
  if (!head || head->body_byte_size > max_input_size || client.client().tracing() != Tracing::kNone) {
    return nullptr;
  }
  const Bytes rest = bytes.subspan(head->byte_size);
  auto exchange = std::make_unique<InferExchange>(*head, deny_regions);
  const bool taken =
      rest.size() == head->body_byte_size
          ? exchange->Send(client, rest, max_input_size)
          : rest.size() < head->body_byte_size && exchange->Receive(client, bytes.first(head->byte_size), rest);
  return taken ? std::move(exchange) : nullptr;
}

}  // namespace

void BindHttpExchange(py::module_& m) {
  py::class_<InferExchange>(m, "InferExchange")
      .def_property_readonly("call", &InferExchange::call)
      .def_property_readonly("model_name", &InferExchange::model_name)
      .def_property_readonly("model_version", &InferExchange::model_version)
      .def_property_readonly("header_id", [](const InferExchange& self) { return py::bytes(self.header_id()); })
      .def("room",
           [](const InferExchange& self) {
             const MutableBytes room = self.room();
             return ViewOf(RequestBody{Buffer{room.data(), room.size(), self.body().owner}});
           })
      .def("take", &InferExchange::Take, py::arg("byte_size"))
      .def("send", &InferExchange::SendReceived, py::arg("client"), py::arg("max_input_size"))
      .def("given", &InferExchange::Given)
      .def("reply", &InferExchange::Reply, py::arg("answer"), py::arg("more_headers"));
  m.def("begin_http_infer", &Begin, py::arg("client"), py::arg("data"), py::arg("max_input_size"),
        py::arg("deny_regions"));
}

}  // namespace triton_lite::bindings
