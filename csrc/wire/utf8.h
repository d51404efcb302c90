// UTF-8 as RFC 3629 defines it: no overlong forms, no surrogates, nothing above U+10FFFF.
#pragma once

#include <cstddef>
#include <string_view>

namespace triton_lite::wire {

// Length of the valid sequence at `text[at]` (1 to 4), 0 when there is none. `at` < text.size().
std::size_t Utf8SequenceLength(std::string_view text, std::size_t at);

bool IsUtf8(std::string_view text);

}  // namespace triton_lite::wire
