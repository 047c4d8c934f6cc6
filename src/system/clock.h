// SPDX-License-Identifier: Apache-2.0
// The clocks of a capture, in ns.
#pragma once

#include <cstdint>
#include <ctime>

namespace fusetrace {

// Now on this clock of the kernel: CLOCK_MONOTONIC, CLOCK_REALTIME, CLOCK_BOOTTIME.
inline uint64_t clock_ns(clockid_t id) {
  timespec now{};
  clock_gettime(id, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1000000000ull + static_cast<uint64_t>(now.tv_nsec);
}

// Now on the clock that a capture's times are told in: that of bpf_ktime_get_ns().
inline uint64_t capture_clock_ns() { return clock_ns(CLOCK_MONOTONIC); }

}  // namespace fusetrace
