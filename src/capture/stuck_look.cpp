// SPDX-License-Identifier: Apache-2.0
#include "capture/stuck_look.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <cstring>
#include <ctime>
#include <fstream>
#include <set>
#include <thread>

#include "capture/cgroup_paths.h"
#include "capture/connections.h"
#include "capture/kernel_look.h"
#include "capture/system_calls.h"
#include "model/container.h"
#include "model/wait_graph.h"
#include "model/wait_reason.h"

namespace fusetrace {
namespace {

// include/linux/proc_ns.h: PROC_PID_INIT_INO, the number of the initial pid namespace.
constexpr uint32_t initial_pid_namespace = 0xEFFFFFFCu;

std::string read_link(const std::string& path) {
  char target[PATH_MAX];
  const ssize_t n = readlink(path.c_str(), target, sizeof(target));
  return n > 0 ? std::string(target, static_cast<size_t>(n)) : std::string();
}

// Of this process: "pid:[4026531836]".
uint32_t own_pid_namespace() {
  const std::string link = read_link("/proc/self/ns/pid");
  const size_t at = link.find('[');
  return at == std::string::npos
             ? 0
             : static_cast<uint32_t>(std::strtoul(link.c_str() + at + 1, nullptr, 10));
}

// The resolution of the coarse clock is a tick: NSEC_PER_SEC / CONFIG_HZ.
uint64_t tick_ns() {
  timespec resolution{};
  clock_getres(CLOCK_MONOTONIC_COARSE, &resolution);
  return static_cast<uint64_t>(resolution.tv_sec) * 1'000'000'000u +
         static_cast<uint64_t>(resolution.tv_nsec);
}

std::string bounded(const char* text, size_t size) { return {text, strnlen(text, size)}; }

class Assembly {
 public:
  Assembly(const RawLook& first, const RawLook& second,
           std::unordered_map<uint64_t, std::string> symbols)
      : first_(first), second_(second), symbols_(std::move(symbols)) {}

  Stuck assemble() {
    own_namespace_ = own_pid_namespace();
    out_.all_processes_seen = own_namespace_ == initial_pid_namespace;
    out_.not_kept = second_.not_kept;
    add_connections();
    add_threads();
    add_requests();
    add_blocked_tasks();
    find_servers(out_);
    out_.cycles = find_cycles(out_);
    std::stable_sort(out_.requests.begin(), out_.requests.end(),
                     [](const auto& a, const auto& b) { return a.age_ns > b.age_ns; });
    return std::move(out_);
  }

 private:
  void add_connections() {
    std::vector<ft_open_device> devices;
    for (const ft_device_holder& holder : second_.holders) {
      ft_open_device& device = devices.emplace_back();
      device.tgid = holder.tgid;
      device.fd = holder.fd;
      device.connection = holder.connection;
      for (const ft_open_connection& one : second_.connections) {
        if (one.address != holder.channel) continue;
        device.waiting = one.waiting;
        device.max_background = one.max_background;
        device.congestion_threshold = one.congestion_threshold;
        device.cuse = one.cuse != 0;
      }
    }
    for (auto& [number, found] : find_connections(devices)) {
      StuckConnection& connection = out_.connections[number];
      connection.connection = found;
      connection.has_server = false;
    }
    for (const ft_open_connection& one : second_.connections) {
      StuckConnection& connection = out_.connections[one.connection];
      connection.connection.id = one.connection;
      if (one.io_uring != 0) connection.connection.transport = "io_uring";
      connection.has_server = true;
      connection.connected = one.connected != 0;
      connection.initialized = one.initialized != 0;
      connection.background = one.background;
      connection.admission_waiters = one.admission_waiters;
      connection.lists_torn = one.lists_torn;
      connection.walk_cut = one.walk_cut != 0;
      connection.inodes_cut = one.inodes_cut != 0;
    }
  }

  std::vector<std::string> stack_of(const ft_blocked_task& task) const {
    std::vector<std::string> out;
    for (uint32_t i = 0; i < std::min<uint32_t>(task.frames, FT_BLOCKED_FRAMES); ++i) {
      const auto found = symbols_.find(task.stack[i]);
      out.push_back(found == symbols_.end() ? "?" : found->second);
    }
    return out;
  }

  WaitReason reason_of(const ft_blocked_task& task, const std::vector<std::string>& stack) const {
    switch (task.wait.kind) {
      case FT_WAIT_REQUEST:
        return WaitReason::request;
      case FT_WAIT_INODE:
        return WaitReason::inode_lock;
      case FT_WAIT_ADMISSION: {
        const auto found = out_.connections.find(task.wait.connection);
        const bool known = found != out_.connections.end();
        return known && !found->second.initialized ? WaitReason::init : WaitReason::admission;
      }
      default:
        break;
    }
    const WaitReason reason = wait_reason(stack);
    // The kernel takes an inode's lock, and waits for a page, outside the file system.
    if (reason == WaitReason::nothing && (task.flags & FT_BLOCKED_IN_FUSE_FILE) != 0 &&
        state_letter(task.state) == 'D' && system_call(task.system_call).takes_descriptor) {
      return wait_reason_outside(stack);
    }
    return reason;
  }

  void add_threads() {
    std::map<uint32_t, std::set<uint32_t>> served;  // by process
    for (const ft_device_holder& holder : second_.holders) {
      served[holder.tgid].insert(holder.connection);
    }
    std::set<uint64_t> cgroups;
    for (const ft_blocked_task& task : second_.tasks) cgroups.insert(task.cgroup);
    const auto cgroup_names = cgroup_paths(cgroups);

    for (const ft_blocked_task& task : second_.tasks) {
      StuckThread thread;
      thread.stack = stack_of(task);
      thread.waits_for = reason_of(task, thread.stack);
      const bool is_server = (task.flags & FT_BLOCKED_SERVER) != 0;
      by_address_[task.address] = &task;
      // Of the threads that sleep uninterruptibly, most have nothing to do with FUSE; one
      // that waits for a page may have, when it issued the READ.
      const bool may_wait_for_page = wait_reason_outside(thread.stack) == WaitReason::page;
      if (thread.waits_for == WaitReason::nothing && !is_server && !may_wait_for_page) continue;
      thread.tid = task.tid;
      thread.pid = task.tgid;
      thread.comm = bounded(task.comm, sizeof(task.comm));
      thread.uid = task.uid;
      if (const auto found = cgroup_names.find(task.cgroup); found != cgroup_names.end()) {
        thread.cgroup = found->second;
        const Container container = container_of(found->second);
        thread.container = container.id;
        thread.pod = container.pod;
      }
      thread.state = state_letter(task.state);
      if (task.asleep_ns != 0) thread.asleep_ns = task.asleep_ns;
      const SystemCall call = system_call(task.system_call);
      thread.system_call = call.name;
      if (call.takes_descriptor && (thread.waits_for != WaitReason::nothing || is_server)) {
        // Only the link itself is read, which the kernel keeps: what it names is not touched.
        thread.path = read_link(fmt::format("/proc/{}/fd/{}", task.tid,
                                            static_cast<uint32_t>(task.system_call_argument)));
      }
      thread.blocked_in = blocked_in(thread.stack);
      thread.kernel_thread = (task.flags & FT_BLOCKED_KERNEL_THREAD) != 0;
      thread.dying = (task.flags & FT_BLOCKED_DYING) != 0;
      if (const auto found = served.find(task.tgid); is_server && found != served.end()) {
        thread.serves.assign(found->second.begin(), found->second.end());
        for (const uint32_t connection : found->second) {
          out_.connections[connection].servers.push_back(thread.tid);
        }
      }
      out_.threads.emplace(thread.tid, std::move(thread));
    }
  }

  void add_requests() {
    std::set<std::pair<uint64_t, uint64_t>> before;
    for (const ft_open_request& request : first_.requests) {
      before.emplace(request.address, request.nodeid ^ request.opcode);
    }
    const size_t all_before = before.size();
    size_t still_there = 0;
    std::map<uint32_t, const ft_open_connection*> connections;
    for (const ft_open_connection& one : second_.connections) connections[one.connection] = &one;
    for (const ft_open_request& raw : second_.requests) {
      OpenRequest request = request_of(raw);
      request.still_open = before.contains({raw.address, raw.nodeid ^ raw.opcode});
      still_there += request.still_open ? 1 : 0;
      const auto waiter = by_address_.find(raw.waiter);
      const auto connection = connections.find(raw.connection);
      if (raw.waiter != 0 && waiter != by_address_.end()) {
        request.client = waiter->second->tid;
      } else if (raw.issuer != 0 && connection != connections.end() &&
                 connection->second->pid_namespace == own_namespace_) {
        request.client = raw.issuer;
        add_issuer(raw, request);
      }
      set_age(raw, waiter == by_address_.end() ? nullptr : waiter->second, request);
      out_.requests.push_back(std::move(request));
    }
    out_.ended = all_before - still_there;
  }

  static OpenRequest request_of(const ft_open_request& raw) {
    OpenRequest request;
    request.connection = raw.connection;
    request.opcode = raw.opcode;
    request.unique = raw.unique;
    request.nodeid = raw.nodeid;
    request.name = bounded(raw.name, sizeof(raw.name));
    if ((raw.flags & FT_OPEN_RANGE) != 0) {
      request.offset = raw.offset;
      request.size = raw.size;
    }
    request.io_uring = raw.list >= FT_OPEN_RING_PENDING;
    request.interrupted = (raw.flags & FT_OPEN_INTERRUPTED) != 0;
    request.kind = (raw.flags & FT_OPEN_EXPECTS_REPLY) == 0   ? FT_KIND_NOREPLY
                   : (raw.flags & FT_OPEN_IN_BACKGROUND) != 0 ? FT_KIND_ASYNC
                                                              : FT_KIND_SYNC;
    switch (raw.list) {
      case FT_OPEN_BACKGROUND:
      case FT_OPEN_RING_BACKGROUND:
        request.stage = OpenStage::admission;
        break;
      case FT_OPEN_IO:
      case FT_OPEN_PROCESSING:
        request.stage = OpenStage::serving;
        break;
      case FT_OPEN_RING_PROCESSING:
        // Its ring entry waits in the kernel until the server's ring thread runs.
        request.stage =
            (raw.flags & FT_OPEN_RING_FETCHED) != 0 ? OpenStage::serving : OpenStage::queued;
        break;
      default:
        request.stage = OpenStage::queued;
    }
    return request;
  }

  void set_age(const ft_open_request& raw, const ft_blocked_task* waiter,
               OpenRequest& request) const {
    if (raw.created_jiffies != 0 && second_.jiffies_now >= raw.created_jiffies) {
      request.age_is = AgeIs::jiffies;
      request.age_ns = (second_.jiffies_now - raw.created_jiffies) * tick_ns_;
      return;
    }
    // It was made before its client fell asleep.
    const uint64_t asleep = waiter == nullptr ? 0 : waiter->asleep_ns;
    const uint64_t looked =
        request.still_open
            ? static_cast<uint64_t>(std::chrono::nanoseconds(stuck_second_look).count())
            : 0;
    request.age_ns = std::max(asleep, looked);
    request.age_is = request.age_ns == 0 ? AgeIs::unknown : AgeIs::at_least;
  }

  // Who issued a request in the background need not be blocked: what is known without
  // looking at its memory is its name.
  void add_issuer(const ft_open_request& raw, OpenRequest& request) {
    if (const auto found = out_.threads.find(raw.issuer); found != out_.threads.end()) {
      // It waits for the page that this request is to fill.
      if (found->second.waits_for == WaitReason::nothing && found->second.serves.empty()) {
        found->second.waits_for = WaitReason::page;
      }
      return;
    }
    std::ifstream comm(fmt::format("/proc/{}/comm", raw.issuer));
    StuckThread thread;
    if (!std::getline(comm, thread.comm)) {
      request.client = 0;
      return;
    }
    thread.tid = raw.issuer;
    std::ifstream status(fmt::format("/proc/{}/status", raw.issuer));
    for (std::string word; status >> word;) {
      if (word == "Tgid:") status >> thread.pid;
      if (word == "State:") status >> thread.state;
      if (word == "Uid:") {
        uint32_t uid = 0;
        if (status >> uid) thread.uid = uid;
      }
    }
    out_.threads.emplace(thread.tid, std::move(thread));
  }

  void add_blocked_tasks() {
    std::set<uint32_t> with_request;
    for (const OpenRequest& request : out_.requests) with_request.insert(request.client);
    for (const ft_blocked_task& raw : second_.tasks) {
      const auto found = out_.threads.find(raw.tid);
      if (found == out_.threads.end() || found->second.stack.empty()) continue;
      const WaitReason reason = found->second.waits_for;
      if (reason == WaitReason::nothing || reason == WaitReason::device) continue;
      if (with_request.contains(raw.tid)) continue;
      BlockedTask task;
      task.tid = raw.tid;
      task.reason = reason;
      task.connection = raw.wait.connection;
      task.nodeid = raw.wait.nodeid;
      if (task.connection == 0 && (raw.flags & FT_BLOCKED_IN_FUSE_FILE) != 0 &&
          system_call(raw.system_call).takes_descriptor) {
        task.connection = raw.file_connection;
        task.nodeid = raw.file_nodeid;
      }
      // A server that notifies waits on its own connection, when it has only one.
      if (task.connection == 0 && reason == WaitReason::invalidation &&
          found->second.serves.size() == 1) {
        task.connection = found->second.serves.front();
      }
      if (raw.wait.kind == FT_WAIT_INODE) {
        if (const auto holder = by_address_.find(raw.wait.what); holder != by_address_.end()) {
          task.holder = holder->second->tid;
        }
      }
      out_.tasks.push_back(task);
    }
    const auto asleep = [&](const BlockedTask& task) {
      return out_.threads.at(task.tid).asleep_ns.value_or(0);
    };
    std::stable_sort(out_.tasks.begin(), out_.tasks.end(),
                     [&](const auto& a, const auto& b) { return asleep(a) > asleep(b); });
  }

  const RawLook& first_;
  const RawLook& second_;
  const std::unordered_map<uint64_t, std::string> symbols_;
  const uint64_t tick_ns_ = tick_ns();
  uint32_t own_namespace_ = 0;
  std::unordered_map<uint64_t, const ft_blocked_task*> by_address_;
  Stuck out_;
};

// Threads that sleep uninterruptibly, for what or where is not known: only the inodes
// themselves tell whether it is the lock of one of them.
bool some_lock_is_unknown(const RawLook& look,
                          const std::unordered_map<uint64_t, std::string>& symbols) {
  return std::any_of(look.tasks.begin(), look.tasks.end(), [&](const ft_blocked_task& task) {
    if (task.wait.kind != FT_WAIT_UNKNOWN || state_letter(task.state) != 'D') return false;
    std::vector<std::string> stack;
    for (uint32_t i = 0; i < std::min<uint32_t>(task.frames, FT_BLOCKED_FRAMES); ++i) {
      if (const auto found = symbols.find(task.stack[i]); found != symbols.end()) {
        stack.push_back(found->second);
      }
    }
    const WaitReason reason = wait_reason(stack);
    return reason == WaitReason::inode_lock || reason == WaitReason::other ||
           (reason == WaitReason::nothing && wait_reason_outside(stack) == WaitReason::inode_lock);
  });
}

}  // namespace

Result<Stuck> look_at_open_requests(std::function<void(const char*)> log) {
  auto look = KernelLook::load(std::move(log));
  if (!look) return tl::make_unexpected(look.error());
  auto first = look->look(false);
  if (!first) return tl::make_unexpected(first.error());
  auto symbols = look->symbols(first->tasks);
  if (!symbols) return tl::make_unexpected(symbols.error());
  std::this_thread::sleep_for(stuck_second_look);
  auto second = look->look(some_lock_is_unknown(*first, *symbols));
  if (!second) return tl::make_unexpected(second.error());
  symbols = look->symbols(second->tasks);
  if (!symbols) return tl::make_unexpected(symbols.error());
  return Assembly(*first, *second, std::move(*symbols)).assemble();
}

}  // namespace fusetrace
