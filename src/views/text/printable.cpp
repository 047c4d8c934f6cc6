// SPDX-License-Identifier: Apache-2.0
#include "views/text/printable.h"

#include <fmt/format.h>

#include <cstdint>
#include <iterator>

#include "views/text/utf8.h"

namespace fusetrace {
namespace {

uint32_t code_point(std::string_view sequence) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(sequence[i]); };
  switch (sequence.size()) {
    case 1:
      return byte(0);
    case 2:
      return (byte(0) & 0x1fu) << 6 | (byte(1) & 0x3fu);
    case 3:
      return (byte(0) & 0xfu) << 12 | (byte(1) & 0x3fu) << 6 | (byte(2) & 0x3fu);
    default:
      return (byte(0) & 7u) << 18 | (byte(1) & 0x3fu) << 12 | (byte(2) & 0x3fu) << 6 |
             (byte(3) & 0x3fu);
  }
}

// Characters that a terminal obeys, or that show nothing or move what is shown: the
// Unicode categories Cc, Zl and Zp, and of Cf and the like those that hide or
// reorder text (Unicode Standard Annex 9; Technical Report 36, section 2).
bool harmful(uint32_t c) {
  return c < 0x20 || (c >= 0x7f && c <= 0x9f) || c == 0xad || c == 0x34f || c == 0x61c ||
         c == 0x115f || c == 0x1160 || c == 0x180e || (c >= 0x200b && c <= 0x200f) ||
         (c >= 0x2028 && c <= 0x202e) || (c >= 0x2060 && c <= 0x206f) || c == 0x3164 ||
         c == 0xfeff || c == 0xffa0 || (c >= 0xfff0 && c <= 0xfffb) ||
         (c >= 0xe0000 && c <= 0xe0fff);
}

void escape(uint32_t c, std::string& out) {
  if (c == '\n') {
    out += "\\n";
  } else if (c == '\r') {
    out += "\\r";
  } else if (c == '\t') {
    out += "\\t";
  } else if (c < 0x80) {
    fmt::format_to(std::back_inserter(out), "\\x{:02x}", c);
  } else if (c < 0x10000) {
    fmt::format_to(std::back_inserter(out), "\\u{:04x}", c);
  } else {
    fmt::format_to(std::back_inserter(out), "\\U{:08x}", c);
  }
}

// Length of a sequence that sets colours and weights at the start of the text (ECMA-48,
// SGR); 0 where there is none.
size_t style_length(std::string_view text) {
  if (!text.starts_with("\033[")) return 0;
  const size_t end = text.find_first_not_of("0123456789;", 2);
  return end != text.npos && text[end] == 'm' ? end + 1 : 0;
}

// Copies what is harmless; escaped(sequence) is told of the rest.
template <typename Escape>
std::string copy(std::string_view text, Escape escaped) {
  std::string out;
  out.reserve(text.size());
  size_t at = 0;
  while (at < text.size()) {
    // Nearly all text is plain ASCII: a stretch at a time.
    size_t end = at;
    while (end < text.size() && text[end] >= 0x20 && text[end] < 0x7f) ++end;
    out += text.substr(at, end - at);
    at = end;
    if (at == text.size()) break;
    const size_t length = utf8_length(text.substr(at));
    if (length > 1 && !harmful(code_point(text.substr(at, length)))) {
      out += text.substr(at, length);
      at += length;
    } else {
      at += escaped(text.substr(at), length, out);
    }
  }
  return out;
}

size_t escape_first(std::string_view text, size_t length, std::string& out) {
  if (length == 0) {
    fmt::format_to(std::back_inserter(out), "\\x{:02x}", static_cast<unsigned char>(text[0]));
    return 1;
  }
  escape(code_point(text.substr(0, length)), out);
  return length;
}

}  // namespace

std::string printable(std::string_view text) { return copy(text, escape_first); }

std::string printable_lines(std::string_view text, bool styles) {
  return copy(text, [styles](std::string_view rest, size_t length, std::string& out) {
    if (rest[0] == '\n') {
      out += '\n';
      return size_t{1};
    }
    if (const size_t style = styles ? style_length(rest) : 0; style > 0) {
      out += rest.substr(0, style);
      return style;
    }
    return escape_first(rest, length, out);
  });
}

std::string printable_json(std::string_view document) {
  return copy(document, [](std::string_view rest, size_t length, std::string& out) {
    if (rest[0] == '\n' || length == 0) {
      // Between the values; or no document of ours, whose bytes are not for a terminal.
      out += length == 0 ? utf8_replacement : rest.substr(0, 1);
      return size_t{1};
    }
    const uint32_t c = code_point(rest.substr(0, length));
    if (c < 0x10000) {
      fmt::format_to(std::back_inserter(out), "\\u{:04x}", c);
    } else {
      // RFC 8259: beyond the basic plane as a surrogate pair.
      fmt::format_to(std::back_inserter(out), "\\u{:04x}\\u{:04x}", 0xd800 + ((c - 0x10000) >> 10),
                     0xdc00 + ((c - 0x10000) & 0x3ff));
    }
    return length;
  });
}

}  // namespace fusetrace
