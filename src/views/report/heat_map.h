// SPDX-License-Identifier: Apache-2.0
// A CPU × CPU matrix as a heat map in the terminal.
#pragma once

#include <string>
#include <vector>

#include "model/snapshot.h"
#include "views/text/render_options.h"

namespace fusetrace {

// Rows are from, columns to. Few CPUs are shown with their counts, more with
// one cell each, still more in groups of neighbours so that the map fits the
// width. Shading is by the square root of the count; without colour, by the
// characters " .:-=+*#%@".
std::string render_heat_map(const CpuMatrix& matrix, const std::vector<uint32_t>& cpus,
                            const std::string& from, const std::string& to,
                            const RenderOptions& options);

}  // namespace fusetrace
