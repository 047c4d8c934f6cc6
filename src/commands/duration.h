// SPDX-License-Identifier: Apache-2.0
// How a user writes a length of time: the TIME of every option that takes one.
#pragma once

#include <chrono>
#include <string_view>

#include "model/error.h"

namespace fusetrace {

// Reads a number, whole or with a decimal point, with one of the units ns, us,
// µs, ms, s, m, h directly after it: "500ms", "1.5s", "2m". No unit means
// seconds. Error: anything else, zero, or more than 100 years.
Result<std::chrono::nanoseconds> parse_duration(std::string_view text);

}  // namespace fusetrace
