// SPDX-License-Identifier: Apache-2.0
// Names come from other programs and the kernel takes them as bytes; some
// outputs must be UTF-8.
#pragma once

#include <cstddef>
#include <string_view>

namespace fusetrace {

// Length of the UTF-8 sequence at the start of text, which is not empty; 0 where
// there is none (RFC 3629: no overlong forms, no surrogates, nothing beyond
// U+10FFFF).
size_t utf8_length(std::string_view text);

// What stands for a byte that is none: U+FFFD.
inline constexpr std::string_view utf8_replacement = "\xef\xbf\xbd";

}  // namespace fusetrace
