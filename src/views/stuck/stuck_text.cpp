// SPDX-License-Identifier: Apache-2.0
#include "views/stuck/stuck_text.h"

#include <fmt/format.h>

#include <algorithm>

#include "model/opcode.h"
#include "views/stuck/stuck_selection.h"
#include "views/text/printable.h"
#include "views/text/units.h"

namespace fusetrace {
namespace {

constexpr uint64_t young_ns = 100'000'000;  // the time between the two looks

const StuckThread* thread_of(const Stuck& stuck, uint32_t tid) {
  const auto found = stuck.threads.find(tid);
  return found == stuck.threads.end() ? nullptr : &found->second;
}

// "1234 cat D"
std::string who(const Stuck& stuck, uint32_t tid) {
  const StuckThread* thread = thread_of(stuck, tid);
  if (thread == nullptr) return tid == 0 ? "-" : std::to_string(tid);
  return fmt::format("{} {} {}", tid, printable(thread->comm), thread->state);
}

std::string place(const Stuck& stuck, uint32_t connection) {
  const auto found = stuck.connections.find(connection);
  if (connection == 0) return "an unknown mount";
  if (found == stuck.connections.end() || found->second.connection.mount.empty()) {
    return fmt::format("connection {}", connection);
  }
  return printable(found->second.connection.mount);
}

std::string age_of(const OpenRequest& request) {
  if (request.age_is == AgeIs::unknown) return "?";
  return (request.age_is == AgeIs::at_least ? "≥ " : "") + age_text(request.age_ns);
}

std::string server_of(const Stuck& stuck, const OpenRequest& request) {
  if (request.stage == OpenStage::admission) return "at max_background";
  if (request.stage == OpenStage::queued) return "no thread took it";
  if (request.servers.size() == 1) {
    const StuckThread* thread = thread_of(stuck, request.servers[0]);
    std::string text = who(stuck, request.servers[0]);
    if (thread != nullptr && !thread->blocked_in.empty()) text += " " + thread->blocked_in;
    return text;
  }
  if (request.servers.empty()) return "not known";
  return fmt::format("one of {} threads", request.servers.size());
}

// The lines under a thread that say more about it.
std::string details(const StuckThread& thread, size_t width, bool with_stack) {
  std::string out;
  const std::string indent(13, ' ');
  std::string facts;
  const auto add = [&](const std::string& text) { facts += (facts.empty() ? "" : ", ") + text; };
  if (thread.pid != thread.tid && thread.pid != 0) add(fmt::format("process {}", thread.pid));
  if (thread.uid && *thread.uid != 0) add(fmt::format("uid {}", *thread.uid));
  if (!thread.system_call.empty()) {
    add(thread.path.empty() ? thread.system_call
                            : thread.system_call + " of " + printable(thread.path));
  }
  if (!thread.container.empty()) add("container " + thread.container);
  if (!thread.pod.empty()) add("pod " + thread.pod);
  if (thread.container.empty() && thread.cgroup.size() > 1)
    add("cgroup " + printable(thread.cgroup));
  if (thread.dying) add("killed, but it cannot end");
  if (!facts.empty()) out += wrap(indent, facts, width);
  if (with_stack && !thread.stack.empty()) {
    std::string stack;
    for (const std::string& function : thread.stack) {
      stack += (stack.empty() ? "in " : " < ") + printable(function);
    }
    out += wrap(indent, stack, width);
  }
  return out;
}

// "sshfs, 4 threads: 3 idle" of the processes that have the device open.
std::string servers_text(const Stuck& stuck, const StuckConnection& connection) {
  const Connection& facts = connection.connection;
  if (facts.fstype == "virtiofs") return "its requests go to a device, and cannot be seen";
  if (!connection.connected) return "aborted: every access fails with ENOTCONN";
  if (!connection.has_server) {
    return stuck.all_processes_seen
               ? "no process has its device open: every access fails with ENOTCONN"
               : "its server is not among the processes that can be seen from here";
  }
  size_t idle = 0;
  size_t stopped = 0;
  for (const uint32_t tid : connection.servers) {
    const StuckThread* thread = thread_of(stuck, tid);
    idle += thread != nullptr && thread->waits_for == WaitReason::device ? 1 : 0;
    stopped += thread != nullptr && (thread->state == 'T' || thread->state == 't') ? 1 : 0;
  }
  std::string text = fmt::format("server {} {}, {} thread{}, {} idle", facts.server_tgid,
                                 printable(facts.server_comm), connection.servers.size(),
                                 connection.servers.size() == 1 ? "" : "s", idle);
  if (stopped > 0) text += fmt::format(", {} stopped by a signal", stopped);
  if (!connection.initialized) text += ", INIT not answered";
  return text;
}

struct Selected {
  std::vector<const OpenRequest*> requests;
  std::vector<const BlockedTask*> tasks;
  uint64_t oldest_ns = 0;
};

std::string render_requests(const Stuck& stuck, const Selected& selected, size_t width,
                            bool with_stacks) {
  std::string out = fmt::format("  {}  {} {} {} {}\n", pad_left("AGE", 10), pad_right("STAGE", 9),
                                pad_right("REQUEST", 18), pad_right("CLIENT", 18), "SERVER THREAD");
  // What the four fixed columns leave.
  const size_t rest = width - 62;
  for (const OpenRequest* request : selected.requests) {
    std::string what = printable(request_text(*request));
    if (request->name.empty() && !request->offset && request->nodeid != 0) {
      what += fmt::format(" node {}", request->nodeid);
    }
    const std::string client = who(stuck, request->client);
    const std::string server = server_of(stuck, *request);
    out += fmt::format(
        "  {}  {} {} {} {}\n", pad_left(age_of(*request), 10),
        pad_right(std::string(open_stage_names[static_cast<size_t>(request->stage)]), 9),
        pad_right(fit(what, 18), 18), pad_right(fit(client, 18), 18), fit(server, rest));
    if (columns_of(what) > 18) out += wrap(std::string(13, ' '), what, width);
    if (columns_of(client) > 18) out += wrap(std::string(13, ' '), "client " + client, width);
    if (columns_of(server) > rest) out += wrap(std::string(13, ' '), "served by " + server, width);
    if (const StuckThread* client_thread = thread_of(stuck, request->client)) {
      out += details(*client_thread, width, with_stacks);
    }
    if (request->interrupted) {
      out += wrap(std::string(13, ' '), "its client got a signal while it waited", width);
    }
    if (with_stacks && request->servers.size() == 1) {
      if (const StuckThread* server_thread = thread_of(stuck, request->servers[0])) {
        out +=
            wrap(std::string(13, ' '), fmt::format("server thread {}:", server_thread->tid), width);
        out += details(*server_thread, width, true);
      }
    }
  }
  return out;
}

std::string render_tasks(const Stuck& stuck, const Selected& selected, size_t width,
                         bool with_stacks) {
  std::string out = fmt::format("  {}  {} {}\n", pad_left("ASLEEP", 10), pad_right("TASK", 28),
                                "WAITS, WITHOUT A REQUEST, FOR");
  for (const BlockedTask* task : selected.tasks) {
    const StuckThread& thread = stuck.threads.at(task->tid);
    std::string reason(reason_text(task->reason));
    if (task->nodeid != 0) reason += fmt::format(" (node {})", task->nodeid);
    if (task->holder != 0) reason += fmt::format(", which {} holds", who(stuck, task->holder));
    const std::string asleep = thread.asleep_ns ? age_text(*thread.asleep_ns) : "?";
    const std::string first = fmt::format("  {}  {} ", pad_left(asleep, 10),
                                          pad_right(fit(who(stuck, task->tid), 28), 28));
    out += wrap(first, reason, width);
    out += details(thread, width, with_stacks);
  }
  return out;
}

std::string abort_command(uint32_t connection) {
  return fmt::format("echo 1 > /sys/fs/fuse/connections/{}/abort", connection);
}

std::string notes(const Stuck& stuck, size_t young, size_t width) {
  std::string out;
  if (young > 0 || stuck.ended > 0) {
    out +=
        wrap("",
             fmt::format("Younger than 100 ms: {}. Ended between the two looks: {}. What moves is "
                         "not listed.",
                         young, stuck.ended),
             width);
  }
  if (stuck.not_kept > 0) {
    out += wrap("",
                fmt::format("{} requests or waiting tasks were found but not kept: a table of "
                            "the look was full.",
                            stuck.not_kept),
                width);
  }
  for (const auto& [number, connection] : stuck.connections) {
    if (connection.lists_torn > 0) {
      out += wrap("",
                  fmt::format("{} lists of connection {} changed faster than they could be "
                              "read: requests of it may be missing.",
                              connection.lists_torn, number),
                  width);
    }
    if (connection.walk_cut || connection.inodes_cut) {
      out += wrap("",
                  fmt::format("Connection {} has more {} than one look reads: some are missing.",
                              number, connection.walk_cut ? "requests" : "inodes"),
                  width);
    }
  }
  if (!stuck.all_processes_seen) {
    out += wrap("",
                "Only processes of this pid namespace are seen. Run it in the initial one to see "
                "all servers and clients.",
                width);
  }
  return out;
}

}  // namespace

std::string cycle_text(const Stuck& stuck, const std::vector<uint32_t>& cycle) {
  const auto waits_at = [&](uint32_t tid) -> std::pair<std::string, uint32_t> {
    for (const OpenRequest& request : stuck.requests) {
      if (request.client != tid) continue;
      return {fmt::format("{} on {}", printable(request_text(request)),
                          place(stuck, request.connection)),
              request.connection};
    }
    for (const BlockedTask& task : stuck.tasks) {
      if (task.tid != tid) continue;
      return {fmt::format("{} on {}", reason_text(task.reason), place(stuck, task.connection)),
              task.connection};
    }
    return {"something", 0};
  };
  std::string text = cycle.size() == 1
                         ? "Deadlock: "
                         : "Deadlock of " + std::to_string(cycle.size()) + " threads: ";
  uint32_t abort = 0;
  for (size_t i = 0; i < cycle.size(); ++i) {
    const StuckThread* thread = thread_of(stuck, cycle[i]);
    const auto [what, connection] = waits_at(cycle[i]);
    if (abort == 0) abort = connection;
    text += fmt::format("{}{} {} waits for {}", i == 0 ? "" : ", ",
                        thread == nullptr ? "thread" : printable(thread->comm), cycle[i], what);
    const auto server = stuck.connections.find(connection);
    const bool only_itself =
        server != stuck.connections.end() && server->second.servers == std::vector{cycle[i]};
    if (cycle.size() > 1) {
      text += fmt::format(", which only {} could end", cycle[(i + 1) % cycle.size()]);
    } else {
      text += only_itself ? ", which only itself could answer"
                          : ", which only threads could answer that wait like it";
    }
  }
  text += ".";
  if (abort != 0) text += " Only an abort ends it: " + abort_command(abort);
  return text;
}

std::string stuck_text(const Stuck& stuck, const StuckFilter& filter, int columns) {
  const auto width = static_cast<size_t>(std::max(columns, 80));
  std::map<uint32_t, Selected> selected;
  size_t young = 0;
  for (const OpenRequest& request : stuck.requests) {
    if (!is_older(request, filter.older_ns)) continue;
    if (!request.still_open && request.age_ns < young_ns) {
      ++young;
      continue;
    }
    Selected& here = selected[request.connection];
    here.requests.push_back(&request);
    here.oldest_ns = std::max(here.oldest_ns, request.age_ns);
  }
  for (const BlockedTask& task : stuck.tasks) {
    if (!is_older(stuck, task, filter.older_ns)) continue;
    Selected& here = selected[task.connection];
    here.tasks.push_back(&task);
    here.oldest_ns = std::max(here.oldest_ns, stuck.threads.at(task.tid).asleep_ns.value_or(0));
  }
  std::vector<std::pair<uint32_t, const Selected*>> order;
  for (const auto& [number, one] : selected) order.emplace_back(number, &one);
  std::stable_sort(order.begin(), order.end(), [](const auto& a, const auto& b) {
    return a.second->oldest_ns > b.second->oldest_ns;
  });

  std::string out;
  for (const std::vector<uint32_t>& cycle : stuck.cycles) {
    out += wrap("", cycle_text(stuck, cycle), width) + "\n";
  }
  for (const auto& [number, here] : order) {
    out += wrap("", fmt::format("{} (connection {})", place(stuck, number), number), width);
    if (const auto found = stuck.connections.find(number); found != stuck.connections.end()) {
      out += wrap("  ", servers_text(stuck, found->second), width);
    }
    if (!here->requests.empty()) out += render_requests(stuck, *here, width, filter.with_stacks);
    if (!here->tasks.empty()) out += render_tasks(stuck, *here, width, filter.with_stacks);
    if (number != 0) out += "  To end all of it: " + abort_command(number) + "\n";
    out += "\n";
  }
  if (order.empty()) {
    out += filter.older_ns == 0
               ? "Nothing is stuck: no request stayed open, and no task is blocked in FUSE.\n"
               : fmt::format("Nothing is older than {}.\n", age_text(filter.older_ns));
  }
  for (const auto& [number, connection] : stuck.connections) {
    const bool unseen = connection.connection.fstype == "virtiofs";
    if (connection.has_server && connection.connected && !unseen) continue;
    if (selected.contains(number)) continue;
    out += wrap("",
                fmt::format("{} (connection {}): {}.", place(stuck, number), number,
                            servers_text(stuck, connection)),
                width);
  }
  return out + notes(stuck, young, width);
}

StuckCheck stuck_check(const Stuck& stuck, uint64_t older_ns) {
  size_t requests = 0;
  size_t tasks = 0;
  const OpenRequest* worst = nullptr;
  for (const OpenRequest& request : stuck.requests) {
    if (!is_older(request, older_ns)) continue;
    ++requests;
    if (worst == nullptr || request.age_ns > worst->age_ns) worst = &request;
  }
  for (const BlockedTask& task : stuck.tasks) tasks += is_older(stuck, task, older_ns) ? 1 : 0;
  StuckCheck out;
  out.is_stuck = requests + tasks > 0;
  if (!out.is_stuck) {
    out.line = "OK: nothing is older than " + age_text(older_ns);
    return out;
  }
  out.line =
      fmt::format("STUCK: {} request{} and {} task{} older than {}", requests,
                  requests == 1 ? "" : "s", tasks, tasks == 1 ? "" : "s", age_text(older_ns));
  if (worst != nullptr) {
    out.line += fmt::format("; oldest: {}, {} on {} (connection {})", age_of(*worst),
                            printable(request_text(*worst)), place(stuck, worst->connection),
                            worst->connection);
  }
  if (!stuck.cycles.empty()) out.line += fmt::format("; {} deadlocks", stuck.cycles.size());
  return out;
}

}  // namespace fusetrace
