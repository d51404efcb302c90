// ModelInferRequest and ModelInferResponse on the wire (protobuf encoding, protos/grpc_service.proto), read as views
// and written without the protobuf library. Nothing here copies or moves tensor data.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "core/bytes.h"
#include "core/parameters.h"
#include "core/request.h"
#include "core/shape.h"
#include "core/status.h"

namespace triton_lite::wire {

using ParameterView = std::variant<std::monostate, bool, std::int64_t, std::string_view, double, std::uint64_t>;

struct NamedParameterView {
  std::string_view name;
  ParameterView value;  // monostate: the message has no value set.
};

// InferTensorContents: which fields have elements, and the fields' undecoded records, checked to be well-formed
// (tags included, packed and unpacked, in order; neighbours of one field are one entry). Field numbers of the message;
// more than one may be set by a client (an error that validation reports).
struct TypedContents {
  bool present = false;
  std::vector<std::pair<std::uint32_t, Bytes>> fields;  // (field number, records for TypedContentsToRaw)
};

struct InferInputView {
  std::string_view name;
  std::string_view datatype;
  Shape shape;
  std::vector<NamedParameterView> parameters;
  TypedContents contents;
};

struct InferOutputView {
  std::string_view name;
  std::vector<NamedParameterView> parameters;
};

// Inputs, and outputs, that one request may have: two bytes of a message each take a hundred times that once decoded.
inline constexpr std::size_t kMostTensors = 65536;

struct InferRequestView {
  std::string_view model_name;
  std::string_view model_version;
  std::string_view id;
  std::vector<NamedParameterView> parameters;
  std::vector<InferInputView> inputs;
  std::vector<InferOutputView> outputs;
  std::vector<Bytes> raw_input_contents;
  bool from_http = false;  // Made by our HTTP codec: for texts and rules in which Triton's front ends differ.
};

// Views into `message`. INTERNAL with gRPC's text for undecodable requests when the bytes are no such message,
// INVALID_ARGUMENT when it has too many inputs or outputs.
// Unknown fields and fields of another wire type are skipped; duplicate map keys: the last one wins; strings that must
// be UTF-8 are checked as protobuf checks them (not those that came by HTTP, where Triton checks none). A message says
// itself that our HTTP codec made it; `may_be_http`: whether to believe it, since a gRPC client can write the same.
Status DecodeInferRequest(Bytes message, InferRequestView* view, bool may_be_http = false);

// Typed contents as the tensor's raw bytes (BYTES with length prefixes), for datatype `datatype`.
// `contents` must have the one field that fits; the caller has checked which.
Result<std::string> TypedContentsToRaw(DataType datatype, std::uint32_t field, const TypedContents& contents);

// What the HTTP codec and in-process callers need to build a request without raw contents (those travel as segments).
struct InferRequestBuilder {
  std::string_view model_name;
  std::string_view model_version;
  std::string_view id;
  std::span<const std::pair<std::string, ParameterValue>> parameters;
  struct Input {
    std::string_view name;
    std::string_view datatype;
    std::span<const std::int64_t> shape;
    std::span<const std::pair<std::string, ParameterValue>> parameters;
  };
  std::span<const Input> inputs;
  struct Output {
    std::string_view name;
    std::span<const std::pair<std::string, ParameterValue>> parameters;
  };
  std::span<const Output> outputs;
  bool from_http = false;
};
std::string EncodeInferRequest(const InferRequestBuilder& request);

// The response message without raw_output_contents (they travel as the answer's segments, in the order of outputs).
struct ResponseHead {
  std::string_view model_name;
  std::string_view model_version;
  std::string_view id;
  const Parameters* parameters = nullptr;
  std::span<const OutputTensor> outputs;
};
std::string EncodeInferResponse(const ResponseHead& response);

struct InferOutputMeta {
  std::string_view name;
  std::string_view datatype;
  Shape shape;
  std::vector<NamedParameterView> parameters;
};
struct InferResponseView {
  std::string_view model_name;
  std::string_view model_version;
  std::string_view id;
  std::vector<NamedParameterView> parameters;
  std::vector<InferOutputMeta> outputs;
};
// For the HTTP codec and in-process callers. The message comes from our own engine.
Status DecodeInferResponse(Bytes message, InferResponseView* view);

// One complete gRPC message: `head` and each segment framed as raw_output_contents (field 6), in one allocation made by
// `allocate` (the binding's bytes object). `in_stream` wraps it into ModelStreamInferResponse.infer_response.
std::size_t FramedSize(Bytes head, std::span<const Bytes> segments, bool in_stream);
void WriteFramed(Bytes head, std::span<const Bytes> segments, bool in_stream, MutableBytes out);

// A failed request of a stream: ModelStreamInferResponse with error_message and, in infer_response, the request's id.
std::string EncodeStreamError(std::string_view error_message, std::string_view request_id);

}  // namespace triton_lite::wire
