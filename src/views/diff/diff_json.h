// SPDX-License-Identifier: Apache-2.0
// A comparison as JSON: what `diff --json` prints (docs/schemas/diff.json).
#pragma once

#include <span>
#include <string>

#include "model/comparison.h"

namespace fusetrace {

// "schema": "fusetrace.diff/1". Ends with a newline.
std::string render_diff_json(std::span<const RunSample> base, std::span<const RunSample> changed,
                             const Comparison& comparison);

}  // namespace fusetrace
