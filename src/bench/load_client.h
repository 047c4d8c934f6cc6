// SPDX-License-Identifier: Apache-2.0
// The client side of the bench: threads that make one request after another.
#pragma once

#include <sys/types.h>

#include "bench/bench.h"
#include "bench/shared_memory.h"

namespace fusetrace {

// The client process: makes the load on the mounted bench file system. Begins
// when state.start is set; when each client has made its share, or state.stop
// is set, it closes what it had open, writes to the eventfd done, and waits for
// SIGTERM: until everything is gone there is somebody to clean up, whoever else
// gets killed. Must not hold the FUSE device open: the connection has to end
// with the server, else clients would wait for ever.
[[noreturn]] void run_client_process(const BenchOptions& options, SharedMemory& memory, int done,
                                     pid_t coordinator);

}  // namespace fusetrace
