// SPDX-License-Identifier: Apache-2.0
// Runs a capture on the command line until its command ends, the time is up, or a signal
// asks for the end.
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

// The signals that a capture waits for.
inline constexpr std::initializer_list<int> capture_signals = {SIGINT, SIGTERM, SIGCHLD};

// How a capture ended.
struct CaptureOutcome {
  int status = 0;        // exit status of the command; 0 where there is no command
  bool gave_up = false;  // the user pressed Ctrl-C a second time
};

// Calls tick once every period until the capture ends, and once more after that. The
// command gets SIGTERM when the time is up, and every signal that this process gets; a
// second signal kills the command and gives up. Errors: an error of tick ends the loop.
[[nodiscard]] Result<CaptureOutcome> run_capture(std::optional<Workload>& workload,
                                                 const Signals& signals,
                                                 std::optional<std::chrono::nanoseconds> duration,
                                                 std::chrono::milliseconds period,
                                                 const std::function<Result<void>()>& tick);

}  // namespace fusetrace
