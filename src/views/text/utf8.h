// SPDX-License-Identifier: Apache-2.0
// Names come from other programs, and for the kernel they are any bytes. Some outputs must be
// UTF-8.
#pragma once

#include <cstddef>
#include <string_view>

namespace fusetrace {

// The length of the UTF-8 sequence at the start of text, which must not be empty. 0 where text
// does not start with one (RFC 3629: overlong forms, surrogates and numbers beyond U+10FFFF
// are not UTF-8).
size_t utf8_length(std::string_view text);

// What replaces a byte that is not UTF-8: U+FFFD.
inline constexpr std::string_view utf8_replacement = "\xef\xbf\xbd";

}  // namespace fusetrace
