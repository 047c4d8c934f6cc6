// SPDX-License-Identifier: Apache-2.0
#include "model/wait_graph.h"

#include <algorithm>
#include <deque>
#include <map>
#include <set>

namespace fusetrace {
namespace {

// What one wait needs: any of these threads could end it.
using Helpers = std::vector<uint32_t>;

bool is_idle(const StuckThread& thread) {
  if (thread.waits_for == WaitReason::device) return true;
  // Servers that wait for the device in poll, epoll or io_uring.
  for (const char* prefix : {"ep_poll", "do_epoll_wait", "do_sys_poll", "do_poll", "do_select",
                             "io_cqring_wait", "poll_schedule_timeout"}) {
    if (thread.blocked_in.starts_with(prefix)) return true;
  }
  return false;
}

const StuckThread* thread_of(const Stuck& stuck, uint32_t tid) {
  const auto found = stuck.threads.find(tid);
  return found == stuck.threads.end() ? nullptr : &found->second;
}

Helpers servers_of(const Stuck& stuck, uint32_t connection) {
  const auto found = stuck.connections.find(connection);
  return found == stuck.connections.end() ? Helpers{} : found->second.servers;
}

// Every wait of a thread that FUSE knows of.
std::multimap<uint32_t, Helpers> waits_of(const Stuck& stuck) {
  std::multimap<uint32_t, Helpers> waits;
  for (const OpenRequest& request : stuck.requests) {
    const StuckThread* client = thread_of(stuck, request.client);
    // Who only issued a request in the background does not wait for it.
    if (client == nullptr || client->waits_for == WaitReason::nothing) continue;
    if (request.kind != FT_KIND_SYNC && client->waits_for == WaitReason::request) continue;
    waits.emplace(request.client, request.stage == OpenStage::serving && !request.servers.empty()
                                      ? request.servers
                                      : servers_of(stuck, request.connection));
  }
  for (const BlockedTask& task : stuck.tasks) {
    if (task.holder != 0) {
      waits.emplace(task.tid, Helpers{task.holder});
    } else if (task.connection != 0) {
      waits.emplace(task.tid, servers_of(stuck, task.connection));
    }
  }
  return waits;
}

// Every thread that a thread waits for in the end.
std::set<uint32_t> reachable(uint32_t start, const std::map<uint32_t, std::set<uint32_t>>& edges) {
  std::set<uint32_t> out;
  std::deque<uint32_t> next{start};
  while (!next.empty()) {
    const auto found = edges.find(next.front());
    next.pop_front();
    if (found == edges.end()) continue;
    for (const uint32_t to : found->second) {
      if (out.insert(to).second) next.push_back(to);
    }
  }
  return out;
}

// Shortest way from a thread back to itself, which there is.
std::vector<uint32_t> shortest_cycle(uint32_t start,
                                     const std::map<uint32_t, std::set<uint32_t>>& edges) {
  std::map<uint32_t, uint32_t> from;
  std::deque<uint32_t> next{start};
  while (!next.empty()) {
    const uint32_t at = next.front();
    next.pop_front();
    for (const uint32_t to : edges.at(at)) {
      if (to == start) {
        std::vector<uint32_t> cycle{at};
        while (cycle.back() != start) cycle.push_back(from.at(cycle.back()));
        std::reverse(cycle.begin(), cycle.end());
        return cycle;
      }
      if (edges.contains(to) && from.emplace(to, at).second) next.push_back(to);
    }
  }
  return {};
}

}  // namespace

void find_servers(Stuck& stuck) {
  constexpr uint64_t tick_ns = 10'000'000;  // the longest there is: HZ=100
  for (OpenRequest& request : stuck.requests) {
    request.servers.clear();
    if (request.stage != OpenStage::serving) continue;
    for (const uint32_t tid : servers_of(stuck, request.connection)) {
      const StuckThread* thread = thread_of(stuck, tid);
      if (thread == nullptr || is_idle(*thread)) continue;
      if (request.age_is != AgeIs::unknown && thread->asleep_ns &&
          *thread->asleep_ns > request.age_ns + tick_ns &&
          (request.age_is != AgeIs::at_least || !request.interrupted)) {
        continue;
      }
      request.servers.push_back(tid);
    }
  }
}

std::vector<std::vector<uint32_t>> find_cycles(const Stuck& stuck) {
  const auto waits = waits_of(stuck);
  // Begin with every thread that waits, and take out whoever can be helped.
  std::set<uint32_t> dead;
  for (const auto& [tid, helpers] : waits) dead.insert(tid);
  for (bool changed = true; changed;) {
    changed = false;
    for (const auto& [tid, helpers] : waits) {
      if (!dead.contains(tid)) continue;
      const bool hopeless =
          !helpers.empty() && std::all_of(helpers.begin(), helpers.end(),
                                          [&](uint32_t helper) { return dead.contains(helper); });
      if (!hopeless) {
        dead.erase(tid);
        changed = true;
      }
    }
  }
  std::map<uint32_t, std::set<uint32_t>> edges;
  for (const uint32_t tid : dead) {
    auto& out = edges[tid];
    for (auto [at, end] = waits.equal_range(tid); at != end; ++at) {
      out.insert(at->second.begin(), at->second.end());
    }
  }
  std::map<uint32_t, std::set<uint32_t>> reached;
  for (const uint32_t tid : dead) reached[tid] = reachable(tid, edges);
  std::vector<std::vector<uint32_t>> cycles;
  std::set<uint32_t> named;
  for (const uint32_t tid : dead) {
    // A thread that leads into a cycle but is in none waits for one that is named.
    if (named.contains(tid) || !reached[tid].contains(tid)) continue;
    cycles.push_back(shortest_cycle(tid, edges));
    for (const uint32_t other : reached[tid]) {
      if (reached[other].contains(tid)) named.insert(other);
    }
  }
  return cycles;
}

}  // namespace fusetrace
