// SPDX-License-Identifier: Apache-2.0
// The client side of the bench: threads that make one request after another.
#pragma once

#include <sys/types.h>

#include "bench/bench.h"
#include "bench/shared_memory.h"

namespace fusetrace {

// The client process. It makes the load on the mounted file system of the bench, from the
// moment at which state.start is set. When each client has made its share, or state.stop is
// set, it closes its files, writes to the eventfd done, and waits for SIGTERM. By waiting it
// can still clean up if the other processes are killed. It must not hold the FUSE device open:
// the connection has to end with the server, or clients would wait for ever.
[[noreturn]] void run_client_process(const BenchOptions& options, SharedMemory& memory, int done,
                                     pid_t coordinator);

}  // namespace fusetrace
