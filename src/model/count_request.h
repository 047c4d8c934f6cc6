// SPDX-License-Identifier: Apache-2.0
// How one request is counted in a Cell, by the rules of bpf/facts.h. Inline, because it
// runs for every request of a recording.
#pragma once

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

inline void count_wakeup(Wakeups& wakeups, const ft_request& r, ft_side side) {
  ++wakeups.by[ft_placement_of(&r, side)][ft_target_of(&r, side)][ft_hint_of(&r, side)];
}

// Returns how many migrations the request saw.
inline uint32_t count_request(Cell& cell, const ft_request& r, const RequestFacts& facts) {
  ++cell.requests;
  cell.errors += r.error != 0;
  cell.bytes_in += r.bytes_in;
  cell.bytes_out += r.bytes_out;
  ++cell.kinds[ft_kind_of(&r)];
  ++cell.transports[ft_transport_of(&r)];
  const size_t pickup = ft_pickup_of(&r);
  ++cell.pickups[pickup];
  ++cell.pickup_hops[pickup][static_cast<size_t>(facts.request_hop)];
  ++cell.hops[FT_HOP_REQUEST][static_cast<size_t>(facts.request_hop)];
  if (has_reply_hop(r)) ++cell.hops[FT_HOP_REPLY][static_cast<size_t>(facts.reply_hop)];
  for (size_t i = 0; i < stage_count; ++i) {
    if (facts.stages.ns[i] != Stages::unknown) cell.stages[i].add(facts.stages.ns[i]);
  }
  if (has_server_wakeup(r)) count_wakeup(cell.wakeups[FT_SIDE_SERVER], r, FT_SIDE_SERVER);
  if (has_client_wakeup(r)) count_wakeup(cell.wakeups[FT_SIDE_CLIENT], r, FT_SIDE_CLIENT);
  uint32_t migrations = 0;
  for (size_t i = 0; i < migration_count; ++i) {
    const uint32_t n = migrations_of(r, static_cast<Migration>(i));
    cell.migrations[i] += n;
    migrations += n;
  }
  return migrations;
}

}  // namespace fusetrace
