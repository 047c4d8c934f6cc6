// SPDX-License-Identifier: Apache-2.0
// Text that others chose, made safe to show. A mount point, the name of a thread,
// a command line, a cgroup, a string of a recording: each may hold anything, and a
// terminal obeys some of it. Every text that a person reads goes through one of
// these functions; scripts/lint-output finds prints that go around them.
#pragma once

#include <string>
#include <string_view>

namespace fusetrace {

// The text in one line of characters that a terminal only draws:
// - control characters, DEL and the backslash forms of them: \n, \r, \t, else \x1b;
// - bytes that are not UTF-8: \xff;
// - C1 controls, line separators, and characters that are invisible or change the
//   direction of writing: \u009b, \u2028, \u202e, \U000e0041.
// Everything else stays as it is, the backslash too: what is printable already
// comes out unchanged, so it does no harm to call this twice.
std::string printable(std::string_view text);

// The same for a text of several lines that was made here: line ends stay, and
// where styles is true the sequences that set colours and weights (ESC [ … m).
std::string printable_lines(std::string_view text, bool styles);

// The same for a JSON document: what a terminal would obey becomes an escape of
// JSON's own (\u009b), so that the document says what it said. Its bytes are UTF-8
// already, and control characters within strings are escaped.
std::string printable_json(std::string_view document);

}  // namespace fusetrace
