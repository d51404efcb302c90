// JSON arrays, flat or nested, to the bytes of tensors.
#pragma once

#include "wire/json.h"
#include "wire/json_scan.h"

namespace triton_lite::wire {

// Deeper nesting of data is refused, as newer releases of Triton do.
inline constexpr int kMaxDataDepth = 100;

// The fast way, straight from the text: at the '[' of an array; on success the cursor is behind its ']'. False when
// anything is not as it should be (syntax, a value that does not fit, nesting): then the general way finds out what.
// `last`: the last ']' of the whole text, which stops every loop over characters.
bool ConvertTensor(DataType datatype, const char* last, JsonCursor* cursor, JsonTensor* tensor);

// The general way, from parsed nodes: `data` is an array. Errors in Triton's order and words: more elements than
// `expected_count`, values of another type, nesting; for BYTES only the last two, and `expected_count` is ignored.
// `*element_count`: elements converted.
Status ConvertNodes(DataType datatype, const JsonValue& data, std::int64_t expected_count, std::string* bytes,
                    std::int64_t* element_count);

}  // namespace triton_lite::wire
