// Writes JSON as RapidJSON's writer does: no spaces, doubles with ".0" where they are whole, NaN, Infinity, -Infinity,
// bytes above 0x7F as they are. Commas and brackets are the caller's.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/bytes.h"
#include "core/datatype.h"
#include "core/status.h"

namespace triton_lite::wire {

// Enough for any number that WriteDouble or an integer takes.
inline constexpr std::size_t kMaxNumberLength = 32;

// Returns the end of what it wrote; `out` has room for kMaxNumberLength characters.
char* WriteDouble(double value, char* out);

// With quotation marks and escapes.
void AppendJsonText(std::string_view text, std::string* out);
void AppendJsonInt(std::int64_t value, std::string* out);
void AppendJsonUint(std::uint64_t value, std::string* out);
void AppendJsonDouble(double value, std::string* out);

// The elements of a tensor as one flat array. Errors: types that JSON does not carry (FP16, BF16), and bytes that are
// not `element_count` elements, with Triton's texts.
Status AppendJsonTensor(std::string_view name, DataType datatype, std::int64_t element_count, Bytes bytes,
                        std::string* out);

}  // namespace triton_lite::wire
