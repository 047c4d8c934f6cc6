// SPDX-License-Identifier: Apache-2.0
// The life of a capture on the command line: until its command ends, the time
// is up, or a signal asks for the end.
#pragma once

#include <signal.h>
#include <sys/signalfd.h>

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "capture/tracer.h"
#include "capture/workload.h"
#include "commands/capture_options.h"
#include "model/capture_info.h"
#include "model/error.h"
#include "system/descriptor.h"

namespace fusetrace {

// SIGINT, SIGTERM and SIGCHLD as something to poll; as they were before when it
// goes.
class Signals {
 public:
  Signals();
  ~Signals();
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;

  // Becomes readable with a signal.
  int fd() const { return fd_.get(); }
  // Waits up to limit for a signal; ssi_signo is 0 when there was none.
  signalfd_siginfo wait(std::chrono::milliseconds limit) const;

 private:
  sigset_t old_{};
  Descriptor fd_;
};

// How it ended.
struct CaptureOutcome {
  int status = 0;        // of the command; 0 without one
  bool gave_up = false;  // second Ctrl-C
};

// Calls tick every period until the end, and once more after it. A command is
// sent SIGTERM when the time is up, and the signals that come here; a second
// signal kills it and gives up. Errors: those of tick, which end the loop.
Result<CaptureOutcome> run_capture(std::optional<Workload>& workload, const Signals& signals,
                                   std::optional<std::chrono::nanoseconds> duration,
                                   std::chrono::milliseconds period,
                                   const std::function<Result<void>()>& tick);

// What is known of a capture at its start.
CaptureInfo describe_capture(const std::vector<std::string>& command, const CaptureOptions& options,
                             const Tracer& tracer, uint32_t sample_n);

// Now on the clock of the capture: CLOCK_MONOTONIC in ns.
uint64_t capture_clock_ns();

}  // namespace fusetrace
