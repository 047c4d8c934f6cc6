// SPDX-License-Identifier: Apache-2.0
#include "model/evidence.h"

#include <algorithm>

namespace fusetrace {
namespace {

TargetIdle idle_of(uint32_t flags, uint32_t known, uint32_t idle) {
  if ((flags & known) == 0) return TargetIdle::unknown;
  return (flags & idle) != 0 ? TargetIdle::idle : TargetIdle::busy;
}

}  // namespace

void RunDelays::add(TargetIdle target, uint64_t delay_ns) {
  const auto i = static_cast<size_t>(target);
  ++count[i];
  ns[i] += delay_ns;
  if (delay_ns > crowded_ns) {
    ++crowded[i];
    crowded_sum_ns[i] += delay_ns;
  }
  if (delay_ns > stalled_ns) {
    ++stalled[i];
    stalled_sum_ns[i] += delay_ns;
  }
}

void Evidence::add(const ft_request& r, const Stages& stages, Distance hop) {
  const uint64_t queue = stages.ns[static_cast<size_t>(Stage::queue)];
  const uint64_t service = stages.ns[static_cast<size_t>(Stage::service)];
  const uint64_t total = stages.ns[static_cast<size_t>(Stage::total)];
  const uint64_t wakeup = stages.ns[static_cast<size_t>(Stage::wakeup)];
  constexpr uint64_t unknown = Stages::unknown;
  if (queue == unknown || service == unknown || total == unknown) return;
  ++requests;
  total_ns += total;
  queue_ns[r.pickup < FT_PICKUPS ? r.pickup : 0] += queue;
  service_ns += service;
  if (wakeup != unknown) {
    server.add(idle_of(r.flags, FT_F_SERVER_TARGET_IDLE_KNOWN, FT_F_SERVER_TARGET_IDLE), wakeup);
  }
  uint64_t client_delay = 0;
  if (r.kind == FT_KIND_SYNC && r.client_waking_ns >= r.replied_ns && r.client_waking_ns != 0 &&
      r.resumed_ns >= r.client_waking_ns) {
    client_delay = r.resumed_ns - r.client_waking_ns;
    until_woken_ns += r.client_waking_ns - r.replied_ns;
    client.add(idle_of(r.flags, FT_F_CLIENT_TARGET_IDLE_KNOWN, FT_F_CLIENT_TARGET_IDLE),
               client_delay);
  }
  if (r.pickup != FT_PICKUP_WOKEN || hop == Distance::unknown) return;
  PlaceTimes& place = hop == Distance::same_cpu ? near : far;
  place.total.add(total);
  place.service.add(service);
  place.client_delay.add(client_delay);
}

void ServerTimes::add(const ft_request& r, const Stages& stages) {
  const uint64_t service = stages.ns[static_cast<size_t>(Stage::service)];
  if (r.server_tid == 0 || service == Stages::unknown || r.queued_ns == 0) return;
  first_ns = std::min<uint64_t>(first_ns, r.queued_ns);
  last_ns = std::max(last_ns, end_of(r));
  auto found = threads.find(r.server_tid);
  if (found == threads.end()) {
    if (threads.size() >= max_threads) {
      ++left_out;
      return;
    }
    found = threads.try_emplace(r.server_tid).first;
  }
  ++found->second.requests;
  found->second.service_ns += service;
}

}  // namespace fusetrace
