// SPDX-License-Identifier: Apache-2.0
// What `record` says at its end, in about ten lines.
#pragma once

#include <string>

#include "model/snapshot.h"

namespace fusetrace {

std::string render_summary(const Snapshot& snapshot);

}  // namespace fusetrace
