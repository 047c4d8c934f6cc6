// SPDX-License-Identifier: Apache-2.0
// Runs the threads of the server process and of the client process of a bench on given CPUs. Both
// processes end with their coordinator.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <vector>

#include "bench/shared_memory.h"
#include "model/error.h"

namespace fusetrace {

// Runs thread(i) for i < count, each in its own thread, on the given CPUs, and returns when all
// have ended. SIGTERM and the death of the coordinator end the process instead; if the
// coordinator died, the mount is removed first. Only a process that the coordinator has just
// forked may call this. After an error it must exit, because some threads may already run.
// Errors: the system refuses the threads or the CPUs.
Result<void> run_threads(SharedState& state, pid_t coordinator, unsigned count,
                         const std::vector<uint32_t>& cpus, bool spread,
                         const std::function<void(unsigned)>& thread);

// After run_threads(): waits for the coordinator's SIGTERM or death, which end
// the process as they do there.
[[noreturn]] void wait_to_be_dismissed(SharedState& state, pid_t coordinator);

// Confines the calling thread to the CPUs (sorted); none: leaves it alone.
// Returns 0 or an errno.
int confine_to_cpus(const std::vector<uint32_t>& cpus);

uint64_t monotonic_ns();

// Keeps the CPU busy for that long, as a server or client that does work would.
inline void busy_wait(uint64_t ns) {
  if (ns == 0) return;
  const uint64_t end = monotonic_ns() + ns;
  while (monotonic_ns() < end) {
  }
}

}  // namespace fusetrace
