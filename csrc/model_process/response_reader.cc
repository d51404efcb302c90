#include "model_process/response_reader.h"

#include <algorithm>
#include <string>

namespace triton_lite::model_process {
namespace {

// Codes are gRPC's; what is none of them is the model's fault, and so internal.
Status ErrorOf(std::uint32_t code, std::string_view text) {
  const bool known = code > 0 && code <= static_cast<std::uint32_t>(Code::kUnauthenticated);
  return {known ? static_cast<Code>(code) : Code::kInternal, std::string(text)};
}

bool ReadResponse(BodyReader* reader, ResponseView* view) {
  ResponseRecord record;
  std::string_view error;
  if (!reader->Read(&record) || !reader->ReadText(record.error_length, &error) ||
      !reader->ReadText(record.parameters_length, &view->parameters) || !reader->SkipPadding()) {
    return false;
  }
  view->key = record.key;
  view->flags = record.flags;
  if (view->has(kHasError)) {
    view->error = ErrorOf(record.error_code, error);
  }
  for (std::uint32_t i = 0; i < record.output_count; ++i) {
    if (!reader->ReadTensor(&view->outputs.emplace_back())) {
      return false;
    }
  }
  return true;
}

}  // namespace

bool ResponseView::refers_to_memory() const {
  return std::any_of(outputs.begin(), outputs.end(),
                     [](const TensorView& output) { return output.where == kElsewhere; });
}

Result<ResponsesView> ReadResponses(Bytes body) {
  BodyReader reader(body);
  Counts counts;
  if (!reader.Read(&counts)) {
    return Malformed();
  }
  ResponsesView view;
  for (std::uint32_t i = 0; i < counts.records; ++i) {
    if (!ReadResponse(&reader, &view.responses.emplace_back())) {
      return Malformed();
    }
  }
  for (std::uint32_t i = 0; i < counts.released; ++i) {
    if (!reader.Read(&view.released.emplace_back())) {
      return Malformed();
    }
  }
  return view;
}

std::vector<std::uint64_t> ReadReleased(Bytes body) {
  BodyReader reader(body);
  std::vector<std::uint64_t> places;
  std::uint64_t place = 0;
  while (reader.Read(&place)) {
    places.push_back(place);
  }
  return places;
}

}  // namespace triton_lite::model_process
