// SPDX-License-Identifier: Apache-2.0
#include "commands/capture_loop.h"

namespace fusetrace {

Result<CaptureOutcome> run_capture(std::optional<Workload>& workload, const Signals& signals,
                                   std::optional<std::chrono::nanoseconds> duration,
                                   std::chrono::milliseconds period,
                                   const std::function<Result<void>()>& tick) {
  CaptureOutcome outcome;
  const auto start = std::chrono::steady_clock::now();
  bool interrupted = false;
  while (true) {
    const signalfd_siginfo signal = signals.wait(period);
    if (signal.ssi_signo == SIGINT || signal.ssi_signo == SIGTERM) {
      if (interrupted) {
        outcome.gave_up = true;
        if (workload) workload->send_signal(SIGKILL);
        break;
      }
      interrupted = true;
      // On Ctrl-C the terminal sends SIGINT to the command too. A signal that kill(1) sent
      // reached only this process, so the command gets it from here.
      if (workload && (signal.ssi_code == SI_USER || signal.ssi_signo == SIGTERM)) {
        workload->send_signal(static_cast<int>(signal.ssi_signo));
      }
    }
    if (auto done = tick(); !done) return tl::make_unexpected(done.error());
    if (workload) {
      if (const auto status = workload->exit_status()) {
        outcome.status = *status;
        break;
      }
    } else if (interrupted) {
      break;
    }
    if (duration && std::chrono::steady_clock::now() - start >= *duration) {
      if (!workload) break;
      if (!interrupted) workload->send_signal(SIGTERM);
      interrupted = true;
      duration.reset();
    }
  }
  return outcome;
}

}  // namespace fusetrace
