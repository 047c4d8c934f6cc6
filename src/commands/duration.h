// SPDX-License-Identifier: Apache-2.0
// Reads a duration as users write it in options: "500ms", "1.5s", "2m".
#pragma once

#include <chrono>
#include <string_view>

#include "model/error.h"

namespace fusetrace {

// The text is a number, with or without a decimal point, and directly after it one of the
// units ns, us, µs, ms, s, m, h. Without a unit it is in seconds. Errors: any other text,
// zero, and more than 100 years.
Result<std::chrono::nanoseconds> parse_duration(std::string_view text);

}  // namespace fusetrace
