// SPDX-License-Identifier: Apache-2.0
// A server thread of the bench that speaks FUSE over io_uring.
#pragma once

#include "bench/bench.h"
#include "bench/shared_memory.h"

namespace fusetrace {

// Serves until the file system is unmounted: every n-th of the kernel's queues,
// one for each possible CPU, where there are n threads, or, with more threads
// than queues, one together with others. Waits for INIT, which comes over the
// device. A thread that cannot go on leaves its errno in state.server_errno.
void run_uring_server(const BenchOptions& options, SharedMemory& memory, int device,
                      unsigned index);

}  // namespace fusetrace
