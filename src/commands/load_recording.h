// SPDX-License-Identifier: Apache-2.0
// Reads a whole recording into a Snapshot.
#pragma once

#include <string>

#include "commands/filter_options.h"
#include "model/error.h"
#include "model/snapshot.h"

namespace fusetrace {

// Shows a progress bar on stderr while it reads, where stderr is a terminal.
Result<Snapshot> load_recording(const std::string& path, const FilterOptions& filter_options = {});

}  // namespace fusetrace
