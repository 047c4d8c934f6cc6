// SPDX-License-Identifier: Apache-2.0
// What follows from a request's record: its stages, hops and wake placements, in the
// types of C++. The rules themselves are those of bpf/facts.h, which the kernel's
// running totals share.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "facts.h"
#include "model/topology.h"

namespace fusetrace {

// Stages of a request; "phase" in metric labels.
enum class Stage : uint8_t {
  queue = FT_STAGE_QUEUE,
  wakeup = FT_STAGE_WAKEUP,
  service = FT_STAGE_SERVICE,
  back = FT_STAGE_RETURN,
  total = FT_STAGE_TOTAL,
};
inline constexpr size_t stage_count = FT_STAGES;
inline constexpr std::array<std::string_view, stage_count> stage_names = {
    "queue", "wakeup", "service", "return", "total"};

enum class Placement : uint8_t {
  kept = FT_PLACEMENT_KEPT,
  pulled = FT_PLACEMENT_PULLED,
  moved = FT_PLACEMENT_MOVED,
  unknown = FT_PLACEMENT_UNKNOWN,
};
inline constexpr size_t placement_count = FT_PLACEMENTS;
inline constexpr std::array<std::string_view, placement_count> placement_names = {
    "kept", "pulled", "moved", "unknown"};

inline constexpr std::array<std::string_view, FT_PICKUPS> pickup_names = {"unknown", "woken",
                                                                          "busy", "poached"};
inline constexpr std::array<std::string_view, FT_KINDS> kind_names = {"sync", "async", "noreply"};
inline constexpr std::array<std::string_view, FT_TRANSPORTS> transport_names = {
    "unknown", "dev", "io_uring", "virtiofs", "cuse"};

// Where a thread of a request migrated.
enum class Migration : uint8_t {
  server_wakeup = FT_MIGRATION_SERVER_WAKEUP,
  server_waiting = FT_MIGRATION_SERVER_WAITING,
  server_serving = FT_MIGRATION_SERVER_SERVING,
  client_waiting = FT_MIGRATION_CLIENT_WAITING,
};
inline constexpr size_t migration_count = FT_MIGRATIONS;
inline constexpr std::array<std::string_view, migration_count> migration_names = {
    "server_wakeup", "server_waiting", "server_serving", "client_waiting"};

// Durations of the stages in ns; unknown ones have no value. Where queue,
// service and return are all known they add up to total exactly.
struct Stages {
  static constexpr uint64_t unknown = FT_NS_UNKNOWN;
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
  ft_u32 backwards = 0;
  for (size_t i = 0; i < stage_count; ++i) {
    out.ns[i] = ft_stage_ns(&r, static_cast<ft_stage>(i), &backwards);
  }
  out.backwards = backwards != 0;
  return out;
}

// When the last that is known of it happened: its place in time.
inline uint64_t end_of(const ft_request& r) { return ft_end_ns(&r); }

inline Distance request_hop(const ft_request& r, const Topology& topology) {
  return topology.distance(r.client_cpu, r.server_cpu);
}

// Only a client that waits has a way back.
inline bool has_reply_hop(const ft_request& r) { return ft_has_reply_hop(&r) != 0; }
inline Distance reply_hop(const ft_request& r, const Topology& topology) {
  return topology.distance(r.reply_cpu, r.resume_cpu);
}

inline Placement placement(uint32_t prev, uint32_t target, uint32_t waker) {
  return static_cast<Placement>(ft_placement(prev, target, waker));
}

// A server was woken for it (whoever took it in the end).
inline bool has_server_wakeup(const ft_request& r) { return ft_has_server_wakeup(&r) != 0; }
inline Placement server_placement(const ft_request& r) {
  return static_cast<Placement>(ft_placement_of(&r, FT_SIDE_SERVER));
}
inline bool has_client_wakeup(const ft_request& r) { return ft_has_client_wakeup(&r) != 0; }
inline Placement client_placement(const ft_request& r) {
  return static_cast<Placement>(ft_placement_of(&r, FT_SIDE_CLIENT));
}

// How many migrations of a kind this request saw.
inline uint32_t migrations_of(const ft_request& r, Migration which) {
  return ft_migrations_of(&r, static_cast<ft_migration>(which));
}

}  // namespace fusetrace
