// SPDX-License-Identifier: Apache-2.0
// What a text view needs to know about the place where its text is shown.
#pragma once

#include <set>
#include <string>

namespace fusetrace {

struct RenderOptions {
  bool color = false;
  int width = 80;  // in columns; views assume 60 at least
  std::set<std::string>
      by;  // which tables to print: opcode, connection, client, …; empty: the usual ones
};

}  // namespace fusetrace
