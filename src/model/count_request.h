// SPDX-License-Identifier: Apache-2.0
// How one request is counted in a Cell: the only place that says it. Inline,
// because it runs for every request of a recording.
#pragma once

#include <algorithm>

#include "model/request.h"
#include "model/snapshot.h"

namespace fusetrace {

// What follows from a record and takes work, derived once.
struct RequestFacts {
  Stages stages;
  Distance request_hop;
  Distance reply_hop;  // of no meaning unless has_reply_hop()
};

inline RequestFacts facts_of(const ft_request& r, const Topology& topology) {
  return {stages_of(r), request_hop(r, topology),
          has_reply_hop(r) ? reply_hop(r, topology) : Distance::unknown};
}

inline TargetIdle target_idle(uint32_t flags, uint32_t known, uint32_t idle) {
  if ((flags & known) == 0) return TargetIdle::unknown;
  return (flags & idle) != 0 ? TargetIdle::idle : TargetIdle::busy;
}

inline WakeHint wake_hint(uint32_t flags, uint32_t known, uint32_t sync, uint32_t current_cpu) {
  if ((flags & known) == 0) return WakeHint::unknown;
  if ((flags & current_cpu) != 0) return WakeHint::current_cpu;
  return (flags & sync) != 0 ? WakeHint::sync : WakeHint::plain;
}

inline void count_wakeup(Wakeups& wakeups, Placement placement, TargetIdle idle, WakeHint hint) {
  auto& by_hint = wakeups.by[static_cast<size_t>(placement)][static_cast<size_t>(idle)];
  ++by_hint[static_cast<size_t>(hint)];
}

// Returns how many migrations the request saw.
inline uint32_t count_request(Cell& cell, const ft_request& r, const RequestFacts& facts) {
  ++cell.requests;
  cell.errors += r.error != 0;
  cell.bytes_in += r.bytes_in;
  cell.bytes_out += r.bytes_out;
  ++cell.kinds[std::min<size_t>(r.kind, FT_KINDS - 1)];
  ++cell.transports[r.transport < FT_TRANSPORTS ? r.transport : 0];
  const size_t pickup = r.pickup < FT_PICKUPS ? r.pickup : 0;
  ++cell.pickups[pickup];
  ++cell.pickup_hops[pickup][static_cast<size_t>(facts.request_hop)];
  ++cell.hops[0][static_cast<size_t>(facts.request_hop)];
  if (has_reply_hop(r)) ++cell.hops[1][static_cast<size_t>(facts.reply_hop)];
  for (size_t i = 0; i < stage_count; ++i) {
    if (facts.stages.ns[i] != Stages::unknown) cell.stages[i].add(facts.stages.ns[i]);
  }
  if (has_server_wakeup(r)) {
    count_wakeup(cell.wakeups[0], server_placement(r),
                 target_idle(r.flags, FT_F_SERVER_TARGET_IDLE_KNOWN, FT_F_SERVER_TARGET_IDLE),
                 wake_hint(r.flags, FT_F_SERVER_WAKE_FLAGS_KNOWN, FT_F_SERVER_WAKE_SYNC,
                           FT_F_SERVER_WAKE_CURRENT_CPU));
  }
  if (has_client_wakeup(r)) {
    count_wakeup(cell.wakeups[1], client_placement(r),
                 target_idle(r.flags, FT_F_CLIENT_TARGET_IDLE_KNOWN, FT_F_CLIENT_TARGET_IDLE),
                 wake_hint(r.flags, FT_F_CLIENT_WAKE_FLAGS_KNOWN, FT_F_CLIENT_WAKE_SYNC,
                           FT_F_CLIENT_WAKE_CURRENT_CPU));
  }
  uint32_t migrations = 0;
  for (size_t i = 0; i < migration_count; ++i) {
    const uint32_t n = migrations_of(r, static_cast<Migration>(i));
    cell.migrations[i] += n;
    migrations += n;
  }
  return migrations;
}

}  // namespace fusetrace
