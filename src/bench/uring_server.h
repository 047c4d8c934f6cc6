// SPDX-License-Identifier: Apache-2.0
// A server thread of the bench that speaks FUSE over io_uring.
#pragma once

#include "bench/bench.h"
#include "bench/shared_memory.h"

namespace fusetrace {

// Serves until the file system is unmounted. The kernel has a queue for each possible CPU. Of n
// threads each serves every n-th queue; with more threads than queues, several share one. Waits
// for INIT, which comes over the device. A thread that cannot go on writes its errno to
// state.server_errno.
void run_uring_server(const BenchOptions& options, SharedMemory& memory, int device,
                      unsigned index);

}  // namespace fusetrace
