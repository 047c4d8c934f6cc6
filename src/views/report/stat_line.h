// SPDX-License-Identifier: Apache-2.0
// One line for each interval of `fusetrace stat -I`.
#pragma once

#include <string>

#include "model/snapshot.h"

namespace fusetrace {

std::string stat_line_heading();

// What came in the interval; at_seconds is its end since the start. Losses
// follow in a line of their own when there are any.
std::string stat_line(const Snapshot& since, double at_seconds);

}  // namespace fusetrace
