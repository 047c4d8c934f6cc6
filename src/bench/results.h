// SPDX-License-Identifier: Apache-2.0
// Adds up what the threads of a bench counted.
#pragma once

#include "bench/bench.h"
#include "bench/shared_memory.h"

namespace fusetrace {

// To be called when both child processes have ended.
BenchResult collect_results(SharedMemory& memory);

}  // namespace fusetrace
