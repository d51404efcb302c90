#include "wire/front_access.h"

#include <cstring>

#include "wire/infer_fields.h"
#include "wire/pb_reader.h"

namespace triton_lite::wire {

FrontAccess ReadFrontAccess(Bytes message) {
  Bytes found;
  PbReader reader(message);
  PbTag tag;
  while (!reader.done() && reader.ReadTag(&tag)) {
    const bool wanted = tag.field == request_field::kFrontAccess && tag.type == WireType::kBytes;
    if (!(wanted ? reader.ReadBytes(&found) : reader.Skip(tag))) {
      break;
    }
  }
  FrontAccess access;
  if (found.size() < sizeof access.byte_size) {
    return access;
  }
  std::memcpy(&access.byte_size, found.data(), sizeof access.byte_size);
  const std::string_view texts = AsText(found.subspan(sizeof access.byte_size));
  const std::size_t end = texts.find('\n');
  access.peer = texts.substr(0, end);
  access.request_id = end == std::string_view::npos ? std::string_view() : texts.substr(end + 1);
  return access;
}

}  // namespace triton_lite::wire
