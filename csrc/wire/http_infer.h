// The HTTP form of inference: JSON with an optional binary tail (v2 protocol, inference; binary tensor data,
// classification and parameters extensions) to and from channel messages. Used by the HTTP front end; no I/O, no
// Python.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/buffer.h"
#include "core/bytes.h"
#include "core/status.h"

namespace triton_lite::wire {

// Where an output's data goes.
enum class OutputForm : std::uint8_t { kJson, kBinary, kSharedMemory };

// How the client wants its answer, remembered from its request.
struct ResponseFormat {
  OutputForm otherwise = OutputForm::kJson;               // binary_data_output, or a raw binary request.
  std::vector<std::pair<std::string, OutputForm>> named;  // Outputs that the request named; the first of a name counts.

  OutputForm FormOf(std::string_view output) const;
};

struct HttpInferRequest {
  std::string_view model_name;
  std::string_view model_version;
  Bytes body;  // Inflated already.
  // Value of Inference-Header-Content-Length as it stands, if present.
  std::optional<std::string_view> header_length;
  // Request headers that become parameters.
  std::span<const std::pair<std::string, std::string>> forwarded;
  // --http-max-input-size; the body itself is the front end's to limit. 0: unlimited.
  std::uint64_t max_input_byte_size = 0;
};

// A request ready for the channel. Segments borrow from the body and from `owned`: one for each input that is not in
// shared memory, in order, or the whole body of a raw binary request.
struct HttpInferCall {
  bool raw_binary = false;  // Goes to Method::kRawInfer instead of kModelInfer.
  std::string message;
  std::vector<Bytes> segments;
  std::deque<std::string> owned;  // Tensor bytes converted from JSON. Moving the call keeps the segments valid.
  ResponseFormat format;
  std::string header_id;  // The request's id where it can stand in a header (request_id.h); else empty.
};

// Bytes of JSON at the start of the body; 0 for a raw binary request. INVALID_ARGUMENT with Triton's texts for values
// that are no number or lie outside the body.
Result<std::size_t> ParseHeaderLength(std::optional<std::string_view> header_length, std::size_t body_byte_size);

// Errors carry Triton's texts and codes. What only the model can tell is left to the engine.
Status DecodeHttpInfer(const HttpInferRequest& request, HttpInferCall* call);

// The body of an answer: JSON text, then the binary outputs in order (views of `segments`).
struct HttpInferAnswer {
  std::string json;
  std::vector<Bytes> tail;  // Without empty ones.
  bool has_binary = false;  // False: plain JSON answer (no Inference-Header-Content-Length).

  std::size_t byte_size() const;
  // Writes JSON and tail, byte_size() bytes.
  void Write(char* out) const;
};

// `segments`: one for each output, in order (empty for outputs in shared memory).
Status EncodeHttpInfer(Bytes message, std::span<const Bytes> segments, const ResponseFormat& format,
                       HttpInferAnswer* answer);

}  // namespace triton_lite::wire
