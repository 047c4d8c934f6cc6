// SPDX-License-Identifier: Apache-2.0
#include "commands/capture_loop.h"

#include <poll.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <csignal>
#include <ctime>

#include "capture/topology_sysfs.h"
#include "commands/version.h"

namespace fusetrace {
namespace {

uint64_t clock_ns(clockid_t id) {
  timespec now{};
  clock_gettime(id, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1000000000ull + static_cast<uint64_t>(now.tv_nsec);
}

}  // namespace

Signals::Signals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGCHLD);
  sigprocmask(SIG_BLOCK, &set, &old_);
  fd_ = Descriptor(signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
}

Signals::~Signals() { sigprocmask(SIG_SETMASK, &old_, nullptr); }

signalfd_siginfo Signals::wait(std::chrono::milliseconds limit) const {
  pollfd poll_fd{fd_.get(), POLLIN, 0};
  signalfd_siginfo info{};
  if (poll(&poll_fd, 1, static_cast<int>(limit.count())) > 0 &&
      read(fd_.get(), &info, sizeof(info)) != sizeof(info)) {
    info = {};
  }
  return info;
}

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
      // A terminal sends Ctrl-C to the command itself; kill(1) does not.
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

CaptureInfo describe_capture(const std::vector<std::string>& command, const CaptureOptions& options,
                             const Tracer& tracer, uint32_t sample_n) {
  CaptureInfo info;
  utsname name{};
  uname(&name);
  info.kernel = name.release;
  info.machine = name.machine;
  info.hostname = name.nodename;
  info.fusetrace_version = FUSETRACE_VERSION;
  info.command_line = command;
  info.filters = describe_filters(options);
  info.topology = read_topology();
  info.probes = tracer.plan().probes;
  info.start_ns = capture_clock_ns();
  info.realtime_offset_ns =
      static_cast<int64_t>(clock_ns(CLOCK_REALTIME)) - static_cast<int64_t>(info.start_ns);
  info.boottime_offset_ns =
      static_cast<int64_t>(clock_ns(CLOCK_BOOTTIME)) - static_cast<int64_t>(info.start_ns);
  info.sample_n = sample_n;
  return info;
}

uint64_t capture_clock_ns() { return clock_ns(CLOCK_MONOTONIC); }

}  // namespace fusetrace
