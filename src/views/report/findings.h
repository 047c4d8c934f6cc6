// SPDX-License-Identifier: Apache-2.0
// What a recording says, in plain sentences: each is tied to its figures and
// appears only when they support it.
#pragma once

#include <string>
#include <vector>

#include "model/snapshot.h"

namespace fusetrace {

std::vector<std::string> findings(const Snapshot& snapshot);

}  // namespace fusetrace
