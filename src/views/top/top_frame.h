// SPDX-License-Identifier: Apache-2.0
// A frame of `fusetrace top` as lines of text; bold, reverse and colours as
// ANSI sequences (ECMA-48 SGR) where they are wanted.
#pragma once

#include <string>
#include <vector>

#include "views/top/top_state.h"

namespace fusetrace {

struct TopScreen {
  int width = 80;
  int height = 24;  // 0: as many lines as there is to tell, and no line of keys
  bool color = false;
  bool styles = false;  // bold and reverse
};

// At most height lines, each at most width columns wide but for the panels'
// tables, which are cut by whoever shows them. Keeps scrolling and page of the
// state within what there is.
std::vector<std::string> render_top(const TopData& data, TopState& state, const TopScreen& screen);

}  // namespace fusetrace
