// SPDX-License-Identifier: Apache-2.0
// The server process of the bench: takes messages off the FUSE device, or over
// io_uring, and answers them as the made-up file system does.
#pragma once

#include <sys/types.h>

#include "bench/bench.h"
#include "bench/shared_memory.h"

namespace fusetrace {

// The server process: serves the open FUSE device until it is unmounted, then
// exits. Starts to read when state.serve is set. A thread that cannot go on
// leaves its errno in state.server_errno.
[[noreturn]] void run_server_process(const BenchOptions& options, SharedMemory& memory, int device,
                                     pid_t coordinator);

}  // namespace fusetrace
