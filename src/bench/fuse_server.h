// SPDX-License-Identifier: Apache-2.0
// The server side of the bench: answers the FUSE protocol for a small made-up
// file system and counts every message it reads.
//
// The root holds, for each client i, a file "data-i", and a file "name-i" that
// is only ever looked up. Names and attributes are not cached by the kernel
// (timeout 0), except the attributes of name-i, so that a stat of it makes a
// LOOKUP and no GETATTR after it.
#pragma once

#include <sys/types.h>

#include "bench/bench.h"
#include "bench/shared_memory.h"

namespace fusetrace {

// Bytes of every READ and WRITE of a client.
inline constexpr uint32_t bench_io_bytes = 4096;

// The server process: serves the open FUSE device until it is unmounted, then
// exits. Starts to read when state.serve is set. A thread that cannot go on
// leaves its errno in state.server_errno.
[[noreturn]] void run_server_process(const BenchOptions& options, SharedMemory& memory, int device,
                                     pid_t coordinator);

}  // namespace fusetrace
