// SPDX-License-Identifier: Apache-2.0
// The life of a capture on the command line: until its command ends, the time
// is up, or a signal asks for the end.
#pragma once

#include <chrono>
#include <csignal>
#include <functional>
#include <initializer_list>
#include <optional>

#include "capture/workload.h"
#include "model/error.h"
#include "system/signals.h"

namespace fusetrace {

// What a capture waits for.
inline constexpr std::initializer_list<int> capture_signals = {SIGINT, SIGTERM, SIGCHLD};

// How it ended.
struct CaptureOutcome {
  int status = 0;        // of the command; 0 without one
  bool gave_up = false;  // second Ctrl-C
};

// Calls tick every period until the end, and once more after it. A command is
// sent SIGTERM when the time is up, and the signals that come here; a second
// signal kills it and gives up. Errors: those of tick, which end the loop.
[[nodiscard]] Result<CaptureOutcome> run_capture(std::optional<Workload>& workload,
                                                 const Signals& signals,
                                                 std::optional<std::chrono::nanoseconds> duration,
                                                 std::chrono::milliseconds period,
                                                 const std::function<Result<void>()>& tick);

}  // namespace fusetrace
