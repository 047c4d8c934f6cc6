// SPDX-License-Identifier: Apache-2.0
// The two sources of findings: causes, from where the time went, and facts, from the counts.
#pragma once

#include "views/report/findings.h"

namespace fusetrace {

// Causes of one opcode's time on one connection. busy is the share of time for which the
// connection's server threads served, and threads how many there were; none where that is not
// known.
struct ServerLoad {
  uint64_t threads = 0;
  std::optional<double> busy;
};
ServerLoad load_of(const ServerTimes& times);
std::vector<Finding> causes_of(const Evidence& evidence, const ServerLoad& load);

// What the counts of one opcode on one connection say.
std::vector<Finding> facts_of(const Cell& cell);

// Throughput that swings with placement; nothing where several kinds of requests were mixed.
std::vector<Finding> swing_of(const Snapshot& snapshot);

}  // namespace fusetrace
