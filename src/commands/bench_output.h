// SPDX-License-Identifier: Apache-2.0
// What `fusetrace bench` prints.
#pragma once

#include <string>

#include "bench/bench.h"

namespace fusetrace {

// The document fusetrace.bench/1, with a newline at the end.
std::string bench_to_json(const BenchResult& result);

// A few lines for people.
std::string bench_to_text(const BenchResult& result);

}  // namespace fusetrace
