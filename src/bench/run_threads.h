// SPDX-License-Identifier: Apache-2.0
// What the server process and the client process of a bench have in common:
// they run threads on given CPUs, and end with their coordinator.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <vector>

#include "bench/shared_memory.h"
#include "model/error.h"

namespace fusetrace {

// Runs thread(i) for i < count, each on its own thread, on the given CPUs, and
// returns when all have ended. SIGTERM, and the death of the coordinator, end
// the process instead; after the coordinator's death the mount is cleaned up
// first. For a fresh child of the coordinator only, which must exit after an
// error, since some threads may run already. Error: threads or CPUs that the
// system does not grant.
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

// Burns CPU for that long, as a server or client that does work would.
inline void busy_wait(uint64_t ns) {
  if (ns == 0) return;
  const uint64_t end = monotonic_ns() + ns;
  while (monotonic_ns() < end) {
  }
}

}  // namespace fusetrace
