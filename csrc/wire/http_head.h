// The head of an inference request over HTTP/1.1 that asks for nothing unusual, and the head of its answer. No I/O.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "wire/http_infer.h"

namespace triton_lite::wire {

// Views of the bytes that were read. Of model and version nothing is decoded, as in Triton.
struct InferHead {
  std::size_t byte_size = 0;  // Of the head with the empty line at its end.
  std::string_view model_name;
  std::string_view model_version;  // Digits, or empty.
  std::uint64_t body_byte_size = 0;
  std::optional<std::string_view> header_length;  // Inference-Header-Content-Length.
  std::string_view request_id;                    // x-request-id, if it can stand in an answer.
};

// What `data` begins with, if that is the whole head of POST /v2/models/MODEL[/versions/VERSION]/infer with a
// Content-Length, on a connection that stays. Nothing if it is anything else, or anything that two parsers might read
// in different ways: who is asked then decides about it all.
std::optional<InferHead> ReadInferHead(std::string_view data);

// The head of an answer with status 200, without the empty line at its end. `body_byte_size`: of JSON and tail.
std::string InferReplyHead(const HttpInferAnswer& answer, std::size_t body_byte_size, std::string_view request_id);

}  // namespace triton_lite::wire
