// SPDX-License-Identifier: Apache-2.0
#include "bench/run_threads.h"

#include <sched.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <ctime>
#include <memory>
#include <string>
#include <system_error>
#include <thread>

#include "bench/fuse_mount.h"

namespace fusetrace {
namespace {

// The signal by which the last thread tells the main one that all have ended.
constexpr int all_ended = SIGUSR1;

[[noreturn]] void end_without_coordinator(SharedState& state) {
  clean_up_mount(state);
  _exit(1);
}

// Waits for the signal that all threads have ended; see run_threads() for SIGTERM.
void wait_for_end(SharedState& state, pid_t coordinator) {
  sigset_t wanted;
  sigemptyset(&wanted);
  sigaddset(&wanted, SIGTERM);
  sigaddset(&wanted, all_ended);
  for (;;) {
    const int signal = sigwaitinfo(&wanted, nullptr);
    if (signal == all_ended) return;
    if (signal != SIGTERM) continue;
    if (getppid() != coordinator) end_without_coordinator(state);
    _exit(1);
  }
}

}  // namespace

int confine_to_cpus(const std::vector<uint32_t>& cpus) {
  if (cpus.empty()) return 0;
  const size_t count = cpus.back() + 1;
  cpu_set_t* set = CPU_ALLOC(count);
  if (set == nullptr) return ENOMEM;
  const size_t bytes = CPU_ALLOC_SIZE(count);
  CPU_ZERO_S(bytes, set);
  for (const uint32_t cpu : cpus) CPU_SET_S(cpu, bytes, set);
  const int error = sched_setaffinity(0, bytes, set) == 0 ? 0 : errno;
  CPU_FREE(set);
  return error;
}

uint64_t monotonic_ns() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1000000000ull + static_cast<uint64_t>(now.tv_nsec);
}

Result<void> run_threads(SharedState& state, pid_t coordinator, unsigned count,
                         const std::vector<uint32_t>& cpus, bool spread,
                         const std::function<void(unsigned)>& thread) {
  // The coordinator decides when this process ends.
  sigset_t all;
  sigfillset(&all);
  sigprocmask(SIG_BLOCK, &all, nullptr);
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (getppid() != coordinator) end_without_coordinator(state);

  const auto running = std::make_shared<std::atomic<unsigned>>(count);
  std::vector<std::thread> threads;
  threads.reserve(count);
  const auto give_up = [&threads](std::string message, std::string hint) {
    for (std::thread& t : threads) t.detach();
    return fail(std::move(message), std::move(hint));
  };
  try {
    for (unsigned i = 0; i < count; ++i) {
      // A new thread inherits the CPUs of the one that makes it.
      const std::vector<uint32_t> own =
          spread && !cpus.empty() ? std::vector{cpus[i % cpus.size()]} : cpus;
      if (const int error = confine_to_cpus(own); error != 0) {
        return give_up(std::string("cannot run on the CPUs asked for: ") + strerror(error),
                       "choose others");
      }
      threads.emplace_back([&thread, running, i] {
        thread(i);
        if (--*running == 0) kill(getpid(), all_ended);
      });
    }
  } catch (const std::system_error& error) {
    return give_up("cannot start " + std::to_string(count) + " threads: " + error.what(),
                   "raise the limit (ulimit -u), or ask for fewer");
  }

  wait_for_end(state, coordinator);
  for (std::thread& t : threads) t.join();
  return {};
}

void wait_to_be_dismissed(SharedState& state, pid_t coordinator) {
  for (;;) wait_for_end(state, coordinator);
}

}  // namespace fusetrace
