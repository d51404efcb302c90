// The HTTP form of inference: JSON with an optional binary tail (v2 protocol, inference; binary tensor data,
// classification and parameters extensions) to and from channel messages. Used by the HTTP front end; no I/O, no
// Python.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/buffer.h"
#include "core/bytes.h"
#include "core/status.h"

namespace triton_lite::wire {

// How the client wants its answer, remembered from its request.
struct ResponseFormat {
  bool binary_by_default = false;                    // binary_data_output, or a raw binary request.
  std::vector<std::pair<std::string, bool>> binary;  // Outputs that said so themselves.
};

// A request ready for the channel. Segments borrow from `body` and from `owned`.
struct HttpInferCall {
  bool raw_binary = false;  // Goes to Method::kRawInfer instead of kModelInfer.
  std::string message;
  std::vector<Bytes> segments;
  std::vector<std::string> owned;  // Tensor bytes converted from JSON.
  ResponseFormat format;
};

// `header_length`: value of Inference-Header-Content-Length as it stands, if present. `body` is inflated already.
// `forwarded`: request headers that become parameters. Errors carry Triton's texts and codes.
Status DecodeHttpInfer(std::string_view model_name, std::string_view model_version, Bytes body,
                       std::optional<std::string_view> header_length,
                       std::span<const std::pair<std::string, std::string>> forwarded, HttpInferCall* call);

// The body of an answer: JSON text, then the binary outputs in order (views of `segments`).
struct HttpInferAnswer {
  std::string json;
  std::vector<Bytes> tail;  // Empty: plain JSON answer (no Inference-Header-Content-Length).
  bool has_binary = false;
};
Status EncodeHttpInfer(Bytes message, std::span<const Bytes> segments, const ResponseFormat& format,
                       HttpInferAnswer* answer);

}  // namespace triton_lite::wire
