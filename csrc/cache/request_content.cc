#include "cache/request_content.h"

#include <algorithm>

namespace triton_lite {
namespace {

void AppendNumber(std::uint64_t number, std::string* out) {
  out->append(reinterpret_cast<const char*>(&number), sizeof(number));
}

void AppendText(const std::string& text, std::string* out) {
  AppendNumber(text.size(), out);
  out->append(text);
}

}  // namespace

bool HasReadableInputs(const InferenceRequest& request) {
  return std::none_of(request.inputs.begin(), request.inputs.end(),
                      [](const InputTensor& input) { return input.data.kind == MemoryKind::kDevice; });
}

std::string ContentHead(const InferenceRequest& request) {
  std::string head;
  head.reserve(64 * (1 + request.inputs.size() + request.outputs.size()));
  AppendText(request.model_name, &head);
  AppendNumber(static_cast<std::uint64_t>(request.model_version), &head);
  AppendNumber(request.inputs.size(), &head);
  for (const InputTensor& input : request.inputs) {
    AppendText(input.name, &head);
    AppendNumber(static_cast<std::uint64_t>(input.datatype), &head);
    AppendNumber(input.shape.size(), &head);
    for (const std::int64_t dim : input.shape) {
      AppendNumber(static_cast<std::uint64_t>(dim), &head);
    }
    AppendNumber(input.data.size, &head);
  }
  AppendNumber(request.outputs.size(), &head);
  for (const RequestedOutput& output : request.outputs) {
    AppendText(output.name, &head);
  }
  return head;
}

Hash128 HashContent(const InferenceRequest& request, const SipKey& key) {
  SipHash<1, 3> hash(key);
  hash.Add(AsBytes(ContentHead(request)));
  for (const InputTensor& input : request.inputs) {
    hash.Add(input.data.bytes());
  }
  return hash.Finish();
}

}  // namespace triton_lite
