// SPDX-License-Identifier: Apache-2.0
// What follows from a request's record: its stages, hops and wake placements.
// Here and nowhere else, so that no two views can disagree.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "fusetrace.h"
#include "model/topology.h"

namespace fusetrace {

// Stages of a request; "phase" in metric labels.
enum class Stage : uint8_t {
  queue = 0,    // queued -> picked up
  wakeup = 1,   // server waking -> on CPU; part of queue, pickup woken only
  service = 2,  // picked up -> replied
  back = 3,     // replied -> client resumed; "return"; sync only
  total = 4,    // queued -> resumed (sync), queued -> replied (async)
};
inline constexpr size_t stage_count = 5;
inline constexpr std::array<std::string_view, stage_count> stage_names = {
    "queue", "wakeup", "service", "return", "total"};

enum class Placement : uint8_t {
  kept = 0,    // target = prev
  pulled = 1,  // target = waker, and not prev
  moved = 2,   // anything else
  unknown = 3,
};
inline constexpr size_t placement_count = 4;
inline constexpr std::array<std::string_view, placement_count> placement_names = {
    "kept", "pulled", "moved", "unknown"};

inline constexpr std::array<std::string_view, FT_PICKUPS> pickup_names = {"unknown", "woken",
                                                                          "busy", "poached"};
inline constexpr std::array<std::string_view, FT_KINDS> kind_names = {"sync", "async", "noreply"};
inline constexpr std::array<std::string_view, FT_TRANSPORTS> transport_names = {
    "unknown", "dev", "io_uring", "virtiofs", "cuse"};

// Where a thread of a request migrated.
enum class Migration : uint8_t {
  server_wakeup = 0,   // placement of the woken server on another CPU
  server_waiting = 1,  // after that, before it took the request
  server_serving = 2,
  client_waiting = 3,  // its own placement included
};
inline constexpr size_t migration_count = 4;
inline constexpr std::array<std::string_view, migration_count> migration_names = {
    "server_wakeup", "server_waiting", "server_serving", "client_waiting"};

// Durations of the stages in ns; unknown ones have no value. Where queue,
// service and return are all known they add up to total exactly.
struct Stages {
  static constexpr uint64_t unknown = UINT64_MAX;
  std::array<uint64_t, stage_count> ns = {unknown, unknown, unknown, unknown, unknown};
  bool backwards = false;  // a point came before the one that it must follow

  bool known(Stage stage) const { return ns[static_cast<size_t>(stage)] != unknown; }
  std::optional<uint64_t> operator[](Stage stage) const {
    const uint64_t value = ns[static_cast<size_t>(stage)];
    return value == unknown ? std::nullopt : std::optional<uint64_t>(value);
  }
};

inline Stages stages_of(const ft_request& r) {
  Stages out;
  auto measure = [&out](Stage stage, uint64_t from, uint64_t to) {
    if (from == 0 || to == 0) return;
    if (to < from) {
      out.backwards = true;
      return;
    }
    out.ns[static_cast<size_t>(stage)] = to - from;
  };
  measure(Stage::queue, r.queued_ns, r.picked_up_ns);
  if (r.pickup == FT_PICKUP_WOKEN) {
    measure(Stage::wakeup, r.server_waking_ns, r.server_running_ns);
    // It is a part of queue.
    if (out.known(Stage::wakeup) &&
        (r.server_waking_ns < r.queued_ns ||
         (r.picked_up_ns != 0 && r.server_running_ns > r.picked_up_ns))) {
      out.ns[static_cast<size_t>(Stage::wakeup)] = Stages::unknown;
      out.backwards = true;
    }
  }
  measure(Stage::service, r.picked_up_ns, r.replied_ns);
  if (r.kind == FT_KIND_SYNC) {
    measure(Stage::back, r.replied_ns, r.resumed_ns);
    measure(Stage::total, r.queued_ns, r.resumed_ns);
  } else if (r.kind == FT_KIND_ASYNC) {
    measure(Stage::total, r.queued_ns, r.replied_ns);
  }
  return out;
}

// When the last that is known of it happened: its place in time.
inline uint64_t end_of(const ft_request& r) {
  if (r.resumed_ns != 0) return r.resumed_ns;
  if (r.replied_ns != 0) return r.replied_ns;
  return r.picked_up_ns != 0 ? r.picked_up_ns : r.queued_ns;
}

inline Distance request_hop(const ft_request& r, const Topology& topology) {
  return topology.distance(r.client_cpu, r.server_cpu);
}

// Only a client that waits has a way back.
inline bool has_reply_hop(const ft_request& r) { return r.kind == FT_KIND_SYNC; }
inline Distance reply_hop(const ft_request& r, const Topology& topology) {
  return topology.distance(r.reply_cpu, r.resume_cpu);
}

inline Placement placement(uint32_t prev, uint32_t target, uint32_t waker) {
  if (prev == FT_CPU_UNKNOWN || target == FT_CPU_UNKNOWN) return Placement::unknown;
  if (target == prev) return Placement::kept;
  if (waker == FT_CPU_UNKNOWN) return Placement::unknown;
  return target == waker ? Placement::pulled : Placement::moved;
}

// A server was woken for it (whoever took it in the end).
inline bool has_server_wakeup(const ft_request& r) { return r.woken_tid != 0; }
inline Placement server_placement(const ft_request& r) {
  return placement(r.server_prev_cpu, r.server_target_cpu, r.server_waker_cpu);
}
inline bool has_client_wakeup(const ft_request& r) { return r.client_waking_ns != 0; }
inline Placement client_placement(const ft_request& r) {
  return placement(r.client_prev_cpu, r.client_target_cpu, r.client_waker_cpu);
}

// How many migrations of a kind this request saw.
inline uint32_t migrations_of(const ft_request& r, Migration which) {
  switch (which) {
    case Migration::server_wakeup:
      return r.server_prev_cpu != FT_CPU_UNKNOWN && r.server_target_cpu != FT_CPU_UNKNOWN &&
             r.server_target_cpu != r.server_prev_cpu;
    case Migration::server_waiting:
      return r.migrations_server_waiting;
    case Migration::server_serving:
      return r.migrations_server_serving;
    case Migration::client_waiting:
      return r.migrations_client_waiting;
  }
  return 0;
}

}  // namespace fusetrace
