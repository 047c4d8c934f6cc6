// SPDX-License-Identifier: Apache-2.0
// What a text view is told about where its text goes.
#pragma once

#include <set>
#include <string>

namespace fusetrace {

struct RenderOptions {
  bool color = false;
  int width = 80;  // columns; at least 60 are assumed
  std::set<std::string>
      by;  // tables to print: opcode, connection, client, …; empty: the usual ones
};

}  // namespace fusetrace
