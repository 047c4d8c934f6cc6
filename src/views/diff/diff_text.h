// SPDX-License-Identifier: Apache-2.0
// A comparison as text.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "model/comparison.h"
#include "views/text/render_options.h"

namespace fusetrace {

// Explains in sentences how the intervals and verdicts of a comparison were computed.
std::vector<std::string> diff_method(const Comparison& comparison);

// Warns about what makes the two sides hard to compare: different kernels, CPUs or sampling,
// losses, and recordings that end early.
std::vector<std::string> diff_notes(std::span<const RunSample> base,
                                    std::span<const RunSample> changed);

std::string render_diff_text(std::span<const RunSample> base, std::span<const RunSample> changed,
                             const Comparison& comparison, const RenderOptions& options);

}  // namespace fusetrace
