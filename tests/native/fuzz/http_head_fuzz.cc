// The head of an inference request over HTTP/1.1. The input: what came of a connection.
#include <string>

#include "fuzz.h"
#include "wire/http_head.h"

using namespace triton_lite;
using namespace triton_lite::fuzz;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Bytes given(reinterpret_cast<const std::byte*>(data), size);
  const std::string_view text = AsText(given);
  const auto head = wire::ReadInferHead(text);
  if (!head) {
    return 0;
  }
  HOLDS(head->byte_size <= size && text.substr(0, head->byte_size).ends_with("\r\n\r\n"));
  HOLDS(text.find("\r\n\r\n") + 4 == head->byte_size);
  HOLDS(IsInside(head->model_name, given) && !head->model_name.empty());
  HOLDS(head->model_name.find_first_of("/?# \r\n") == std::string_view::npos);
  HOLDS(head->model_version.empty() || IsInside(head->model_version, given));
  HOLDS(head->body_byte_size < 1'000'000'000'000'000'000);
  HOLDS(head->request_id.find_first_of("\r\n") == std::string_view::npos);

  // What was read, written anew, is read alike.
  std::string again = "POST /v2/models/" + std::string(head->model_name);
  if (!head->model_version.empty()) {
    again += "/versions/" + std::string(head->model_version);
  }
  again += "/infer HTTP/1.1\r\nhost: x\r\ncontent-length: " + std::to_string(head->body_byte_size) + "\r\n";
  if (head->header_length) {
    again += "inference-header-content-length: " + std::string(*head->header_length) + "\r\n";
  }
  if (!head->request_id.empty()) {
    again += "x-request-id: " + std::string(head->request_id) + "\r\n";
  }
  again += "\r\n";
  const auto same = wire::ReadInferHead(again);
  if (again.size() > 4096) {
    return 0;
  }
  HOLDS(same && same->byte_size == again.size() && same->model_name == head->model_name);
  HOLDS(same->model_version == head->model_version && same->body_byte_size == head->body_byte_size);
  HOLDS(same->header_length == head->header_length && same->request_id == head->request_id);
  return 0;
}
