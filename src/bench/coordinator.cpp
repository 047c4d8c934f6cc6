// SPDX-License-Identifier: Apache-2.0
// run_bench(): mounts, forks the server process and the client process, waits for them,
// unmounts, and makes sure that nothing of them is left.
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <fstream>

#include "bench/bench.h"
#include "bench/fuse_mount.h"
#include "bench/fuse_server.h"
#include "bench/load_client.h"
#include "bench/results.h"
#include "bench/run_threads.h"
#include "bench/shared_memory.h"
#include "system/cpu_list.h"
#include "system/descriptor.h"
#include "system/signals.h"

namespace fusetrace {
namespace {

constexpr uint64_t ns_per_ms = 1000000;
constexpr uint64_t longest_busy_ns = 10000 * ns_per_ms;
constexpr uint64_t start_limit_ns = 30000 * ns_per_ms;
// A limit for what normally takes no time: operations that are under way at the end, the release
// of files, the end of the server after the unmount.
constexpr uint64_t end_limit_ns = 5000 * ns_per_ms;

// The CPUs in a file of /sys/devices/system/cpu; empty where it cannot be read.
std::vector<uint32_t> read_system_cpus(const std::string& file) {
  std::ifstream in("/sys/devices/system/cpu/" + file);
  std::string text;
  std::getline(in, text);
  return parse_cpu_list(text).value_or(std::vector<uint32_t>{});
}

Result<void> check_threads(const char* what, unsigned count) {
  if (count >= 1 && count <= BenchOptions::max_threads) return {};
  return fail("cannot run with " + std::to_string(count) + " " + what,
              "ask for 1 to " + std::to_string(BenchOptions::max_threads));
}

// Whether the system would let a thread run on all of these CPUs.
Result<void> check_cpus(const std::vector<uint32_t>& cpus) {
  const auto online = read_system_cpus("online");
  for (const uint32_t cpu : cpus) {
    if (online.empty() || std::binary_search(online.begin(), online.end(), cpu)) continue;
    return fail("CPU " + std::to_string(cpu) + " is not online",
                "online are " + format_cpu_list(online));
  }
  // A cpuset silently removes CPUs from an affinity mask, so each CPU is tried by itself.
  std::vector<uint32_t> refused;
  std::array<unsigned long, max_cpu_number / 8 / sizeof(unsigned long) + 1> before{};
  auto* saved = reinterpret_cast<cpu_set_t*>(before.data());
  if (sched_getaffinity(0, sizeof before, saved) != 0) return {};
  for (const uint32_t cpu : cpus) {
    if (confine_to_cpus({cpu}) != 0) refused.push_back(cpu);
  }
  sched_setaffinity(0, sizeof before, saved);
  if (refused.empty()) return {};
  return fail("this process may not run on CPU " + format_cpu_list(refused),
              "its cgroup's cpuset forbids it; choose others");
}

Result<void> check_io_uring(const BenchOptions& options) {
  if (options.clone_fd || options.nonblock || options.reader != BenchReader::read) {
    return fail("over io_uring nothing is read from the device",
                "leave out --clone-fd, --nonblock and --reader");
  }
  const std::string parameter = "/sys/module/fuse/parameters/enable_uring";
  std::ifstream in(parameter);
  switch (in.get()) {
    case 'Y':
      return {};
    case 'N':
      return fail("FUSE over io_uring is switched off", "as root: echo 1 > " + parameter);
    default:
      return fail("this kernel has no FUSE over io_uring", "it came with Linux 6.14");
  }
}

Result<void> check(const BenchOptions& options) {
  if (auto ok = check_threads("servers", options.servers); !ok) return ok;
  if (auto ok = check_threads("clients", options.clients); !ok) return ok;
  if (options.operations == 0 && !options.duration) {
    return fail("nothing to do: 0 requests", "ask for one at least, or for a duration");
  }
  if (std::max(options.service_time_ns, options.think_time_ns) > longest_busy_ns) {
    return fail("service and think time are limited to 10 s", "they are in ns");
  }
  if (options.transport == BenchTransport::io_uring) {
    if (auto ok = check_io_uring(options); !ok) return ok;
  }
  if (auto ok = check_cpus(options.client_cpus); !ok) return ok;
  return check_cpus(options.server_cpus);
}

struct Child {
  const char* name;
  pid_t pid = -1;
  bool ended = false;
  int status = 0;

  // Notes whether the process has ended. With wait it first waits for the end.
  void look(bool wait = false) {
    if (pid < 0 || ended) return;
    pid_t found = 0;
    do {
      found = waitpid(pid, &status, wait ? 0 : WNOHANG);
    } while (found < 0 && errno == EINTR);
    ended = found != 0;
  }
  bool running() const { return pid > 0 && !ended; }
  std::string how_it_ended() const {
    if (WIFSIGNALED(status)) {
      return "was killed by signal " + std::to_string(WTERMSIG(status)) + " (" +
             strsignal(WTERMSIG(status)) + ")";
    }
    return "ended too early";
  }
};

class Coordinator {
 public:
  Coordinator(const BenchOptions& options, SharedMemory& memory)
      : options_(options), memory_(memory), state_(memory.state()) {}

  // Leaves nothing behind, however far things have got.
  ~Coordinator() {
    // The server first, because its end frees the clients that wait for a reply.
    for (Child* child : {&server_, &client_}) {
      if (child->running()) kill(child->pid, SIGKILL);
    }
    server_.look(true);
    client_.look(true);
    clean_up_mount(state_);
  }
  Coordinator(const Coordinator&) = delete;
  Coordinator& operator=(const Coordinator&) = delete;

  Result<BenchResult> run() {
    if (auto ok = start_server(); !ok) return tl::make_unexpected(ok.error());
    if (auto ok = start_clients(); !ok) return tl::make_unexpected(ok.error());
    if (auto ok = wait_for_clients(); !ok) return tl::make_unexpected(ok.error());
    end_server();
    BenchResult result = collect_results(memory_);
    result.interrupted = signals_seen_ > 0;
    if (const auto failure = find_failure(); !failure) return tl::make_unexpected(failure.error());
    return result;
  }

 private:
  // Waits until the condition holds; false at the limit, when either child has
  // ended or failed, or when a signal asks us to stop.
  template <typename Condition>
  bool wait_until(Condition condition, uint64_t limit_ns) {
    const uint64_t end = monotonic_ns() + limit_ns;
    for (;;) {
      if (condition()) return true;
      if (monotonic_ns() >= end || signals_seen_ > 0 || server_.ended || client_.ended ||
          state_.failed.load() || state_.server_errno.load() != 0 ||
          state_.client_errno.load() != 0) {
        return false;
      }
      pause(ns_per_ms);
    }
  }

  // Waits for a signal for so long at most.
  void pause(uint64_t ns) {
    const auto signal = signals_.wait(std::chrono::nanoseconds(ns), clients_done_.get()).ssi_signo;
    if (signal != 0 && signal != SIGCHLD) ++signals_seen_;
    server_.look();
    client_.look();
  }

  template <typename Run>
  Result<void> start(Child& child, Run run) {
    const pid_t coordinator = getpid();
    child.pid = fork();
    if (child.pid == 0) {
      prctl(PR_SET_NAME, child.name);
      run(coordinator);
    }
    if (child.pid > 0) {
      // The child gets a process group of its own. A signal to the coordinator's group then
      // leaves a process that cleans up. The coordinator sets the group, so that it is set
      // before there is anything to clean up. A session of its own would, with autogroup
      // scheduling, change how the two sides compete.
      setpgid(child.pid, child.pid);
      return {};
    }
    return fail("cannot start a process: " + std::string(strerror(errno)));
  }

  // The server starts before the mount is made. From the first moment on there is then a
  // process that outlives a coordinator that is killed, and cleans up.
  Result<void> start_server() {
    const auto device = open_fuse_device(options_.nonblock);
    if (!device) return tl::make_unexpected(device.error());
    auto started = start(server_, [&](pid_t coordinator) {
      run_server_process(options_, memory_, *device, coordinator);
    });
    if (started) started = mount_bench(state_, options_.mount_point, *device);
    // If the device stayed open here, or in the clients, the connection would outlive its
    // server.
    close(*device);
    if (!started) return started;
    state_.serve.store(true);
    return wait_for_start([&] { return state_.servers_ready.load() == options_.server_threads(); });
  }

  Result<void> start_clients() {
    clients_done_ = Descriptor(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!clients_done_) return fail(std::string("cannot make an eventfd: ") + strerror(errno));
    auto started = start(client_, [&](pid_t coordinator) {
      run_client_process(options_, memory_, clients_done_.get(), coordinator);
    });
    if (!started) return started;
    auto ready = wait_for_start([&] { return state_.clients_ready.load() == options_.clients; });
    if (ready) state_.start.store(true);
    return ready;
  }

  template <typename Condition>
  Result<void> wait_for_start(Condition condition) {
    if (wait_until(condition, start_limit_ns)) return {};
    if (signals_seen_ > 0) return fail("interrupted before the load began");
    if (auto ok = find_failure(); !ok) return ok;
    return fail("server and clients did not get ready in 30 s");
  }

  Result<void> wait_for_clients() {
    const uint64_t begin = monotonic_ns();
    const auto duration =
        options_.duration ? static_cast<uint64_t>(options_.duration->count()) : UINT64_MAX;
    uint64_t stopped_at = 0;
    while (!state_.clients_done.load() && !client_.ended) {
      const uint64_t now = monotonic_ns();
      const uint64_t left = duration - std::min(duration, now - begin);
      if (stopped_at == 0 && (left == 0 || signals_seen_ > 0)) {
        state_.stop.store(true);
        stopped_at = now;
      }
      if (signals_seen_ > 1) return fail("interrupted");
      if (stopped_at != 0 && now - stopped_at > end_limit_ns + options_.think_time_ns +
                                                    options_.service_time_ns * options_.clients) {
        return fail("the clients did not stop: the server does not answer");
      }
      pause(std::clamp<uint64_t>(left, 1, 50 * ns_per_ms));
    }
    return {};
  }

  // The release of a file is sent in the background when its client has long
  // gone on, so the unmount waits for it. Then the server's counts are final.
  void end_server() {
    wait_for_release();
    if (!unmount_bench(state_, 1000)) return;
    const uint64_t end = monotonic_ns() + end_limit_ns;
    while (server_.running() && monotonic_ns() < end) pause(10 * ns_per_ms);
  }

  void wait_for_release() {
    const uint64_t end = monotonic_ns() + end_limit_ns;
    for (;;) {
      uint64_t open_files = 0;
      for (const ServerCounts& server : memory_.servers()) {
        open_files += server.opened.load() - server.released.load();
      }
      if (open_files == 0 || !server_.running() || monotonic_ns() >= end) return;
      pause(ns_per_ms);
    }
  }

  Result<void> find_failure() {
    if (state_.failed.load()) return fail(state_.failure, state_.failure_hint);
    if (const int error = state_.server_errno.load(); error != 0) {
      return fail("the bench's server cannot go on: " + std::string(strerror(error)));
    }
    if (server_.ended && (!WIFEXITED(server_.status) || WEXITSTATUS(server_.status) != 0)) {
      return fail("the bench's server " + server_.how_it_ended());
    }
    if (client_.ended && (!WIFEXITED(client_.status) || WEXITSTATUS(client_.status) != 0)) {
      return fail("the bench's client process " + client_.how_it_ended());
    }
    if (const int error = state_.client_errno.load(); error != 0) {
      return fail("a client cannot open its file: " + std::string(strerror(error)));
    }
    for (const ClientCounts& client : memory_.clients()) {
      if (client.failed == 0) continue;
      return fail("an operation failed: " + std::string(strerror(client.first_errno)));
    }
    return {};
  }

  const BenchOptions& options_;
  SharedMemory& memory_;
  SharedState& state_;
  const Signals signals_{SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGCHLD};
  unsigned signals_seen_ = 0;
  Child server_{"bench-server"};
  Child client_{"bench-client"};
  Descriptor clients_done_;  // an eventfd
};

}  // namespace

Result<BenchResult> run_bench(const BenchOptions& options) {
  if (auto ok = check(options); !ok) return tl::make_unexpected(ok.error());
  const auto possible = read_system_cpus("possible");
  const uint32_t cpus =
      possible.empty() ? static_cast<uint32_t>(sysconf(_SC_NPROCESSORS_CONF)) : possible.back() + 1;
  auto memory = SharedMemory::create(options.server_threads(), options.clients, cpus);
  if (!memory) return tl::make_unexpected(memory.error());
  return Coordinator(options, *memory).run();
}

}  // namespace fusetrace
