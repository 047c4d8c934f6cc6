// SPDX-License-Identifier: Apache-2.0
// `fusetrace stuck` for people: what is open, by mount, the worst first.
#pragma once

#include <string>

#include "model/stuck.h"
#include "views/stuck/stuck_json.h"

namespace fusetrace {

// Lines of at most width columns (at least 80), for a terminal or a file.
std::string stuck_text(const Stuck& stuck, const StuckFilter& filter, int width);

// One line for --check, without a line end, and whether something is older than that.
struct StuckCheck {
  bool is_stuck = false;
  std::string line;
};
StuckCheck stuck_check(const Stuck& stuck, uint64_t older_ns);

// A cycle in one sentence, with what ends it.
std::string cycle_text(const Stuck& stuck, const std::vector<uint32_t>& cycle);

}  // namespace fusetrace
