// SPDX-License-Identifier: Apache-2.0
// Draws a CPU × CPU matrix as a heat map for the terminal.
#pragma once

#include <string>
#include <vector>

#include "model/snapshot.h"
#include "views/text/render_options.h"

namespace fusetrace {

// Rows are the CPUs that a hop comes from, columns those that it goes to. A few CPUs are shown
// with their counts, more CPUs with one cell each, and still more in groups of neighbours, so
// that the map fits the width. The shade follows the square root of the count. Without colour,
// the characters " .:-=+*#%@" are the shades.
std::string render_heat_map(const CpuMatrix& matrix, const std::vector<uint32_t>& cpus,
                            const std::string& from, const std::string& to,
                            const RenderOptions& options);

}  // namespace fusetrace
