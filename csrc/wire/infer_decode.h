// What the decoders of the inference messages share. Internal to wire/.
#pragma once

#include <vector>

#include "wire/infer_message.h"
#include "wire/pb_reader.h"

namespace triton_lite::wire {

// Reads the parts that requests and responses have in common.
class InferMessageReader {
 public:
  void TrustText() { check_text_ = false; }

  // A proto3 `string`.
  bool ReadText(PbReader& reader, std::string_view* text) const;
  // One entry of map<string, InferParameter>.
  bool ReadParameter(PbReader& reader, std::vector<NamedParameterView>* parameters) const;

 private:
  bool ReadParameterValue(Bytes message, ParameterView* value) const;

  bool check_text_ = true;
};

// Packed and unpacked int64 elements; false when malformed. Wire types that do not fit are skipped.
bool ReadShape(PbReader& reader, PbTag tag, Shape* shape);

// Reads InferTensorContents into `contents` (appending: protobuf merges a message that comes twice).
bool ReadContents(PbReader& reader, TypedContents* contents);

// Keeps the last of each name.
void KeepLastOfEachName(std::vector<NamedParameterView>* parameters);

}  // namespace triton_lite::wire
