// SPDX-License-Identifier: Apache-2.0
// Builders of whole, self-consistent requests for tests: name what matters to
// the test, the rest is that of an ordinary synchronous GETATTR on /dev/fuse.
//
//   auto r = make_request({.client_cpu = 0, .server_cpu = 1, .service_ns = 7000});
#pragma once

#include <linux/fuse.h>

#include <cstdint>
#include <cstring>
#include <optional>
#include <string_view>

#include "fusetrace.h"

namespace fusetrace::test {

// Members left out keep these values; an optional one follows from the others.
// They are in the order in which designated initializers have to name them.
struct RequestOptions {
  uint32_t connection = 39;
  uint64_t unique = 2;
  uint32_t opcode = FUSE_GETATTR;
  uint64_t nodeid = 1;
  int32_t error = 0;
  uint32_t bytes_in = 56;
  uint32_t bytes_out = 120;

  ft_kind kind = FT_KIND_SYNC;
  ft_transport transport = FT_TRANSPORT_DEV;
  ft_pickup pickup = FT_PICKUP_WOKEN;

  uint32_t client_tid = 1001;
  uint32_t server_tid = 2001;
  std::optional<uint32_t> replier_tid = {};  // server_tid
  std::optional<uint32_t> woken_tid = {};  // woken: server_tid; poached: server_tid + 1; else none

  uint16_t client_cpu = 0;
  uint16_t server_cpu = 0;
  std::optional<uint16_t> reply_cpu = {};          // server_cpu
  std::optional<uint16_t> resume_cpu = {};         // sync: client_cpu; else unknown
  std::optional<uint16_t> server_prev_cpu = {};    // server_cpu if a server was woken, else unknown
  std::optional<uint16_t> server_target_cpu = {};  // server_prev_cpu
  std::optional<uint16_t> server_waker_cpu = {};   // client_cpu if a server was woken, else unknown
  std::optional<uint16_t> client_prev_cpu = {};    // sync: client_cpu; else unknown
  std::optional<uint16_t> client_target_cpu = {};  // resume_cpu
  std::optional<uint16_t> client_waker_cpu = {};   // sync: reply_cpu; else unknown

  uint8_t migrations_server_waiting = 0;
  uint8_t migrations_server_serving = 0;
  uint8_t migrations_client_waiting = 0;
  uint32_t flags = 0;
  uint16_t shard = 0;

  uint64_t queued_ns = 1'000'000'000;
  uint64_t queue_ns = 3'000;   // queued -> picked up
  uint64_t wakeup_ns = 2'000;  // server waking -> running; at most queue_ns, woken and poached only
  uint64_t service_ns = 5'000;  // picked up -> replied; none for noreply
  uint64_t return_ns = 4'000;   // replied -> resumed; sync only
};

inline ft_request make_request(const RequestOptions& o = {}) {
  const bool woken = o.pickup == FT_PICKUP_WOKEN || o.pickup == FT_PICKUP_POACHED;
  const bool sync = o.kind == FT_KIND_SYNC;
  const bool replied = o.kind != FT_KIND_NOREPLY;
  constexpr uint16_t unknown = FT_CPU_UNKNOWN;

  ft_request r{};
  r.connection = o.connection;
  r.unique = o.unique;
  r.opcode = o.opcode;
  r.nodeid = o.nodeid;
  r.error = o.error;
  r.bytes_in = o.bytes_in;
  r.bytes_out = replied ? o.bytes_out : 0;

  r.kind = static_cast<ft_u8>(o.kind);
  r.transport = static_cast<ft_u8>(o.transport);
  r.pickup = static_cast<ft_u8>(o.pickup);

  r.queued_ns = o.queued_ns;
  r.picked_up_ns = r.queued_ns + o.queue_ns;
  if (woken) {
    // What remains of the queue stage lies half before and half after the wakeup.
    r.server_waking_ns = r.queued_ns + (o.queue_ns - o.wakeup_ns) / 2;
    r.server_running_ns = r.server_waking_ns + o.wakeup_ns;
  }
  if (replied) r.replied_ns = r.picked_up_ns + o.service_ns;
  if (sync) {
    r.client_waking_ns = r.replied_ns + o.return_ns / 4;
    r.resumed_ns = r.replied_ns + o.return_ns;
  }

  r.client_tid = o.client_tid;
  r.server_tid = o.server_tid;
  r.replier_tid = o.replier_tid.value_or(replied ? o.server_tid : 0);
  r.woken_tid = o.woken_tid.value_or(o.pickup == FT_PICKUP_WOKEN     ? o.server_tid
                                     : o.pickup == FT_PICKUP_POACHED ? o.server_tid + 1
                                                                     : 0);

  r.client_cpu = o.client_cpu;
  r.server_cpu = o.server_cpu;
  r.reply_cpu = o.reply_cpu.value_or(replied ? o.server_cpu : unknown);
  r.resume_cpu = o.resume_cpu.value_or(sync ? o.client_cpu : unknown);
  r.server_prev_cpu = o.server_prev_cpu.value_or(woken ? o.server_cpu : unknown);
  r.server_target_cpu = o.server_target_cpu.value_or(r.server_prev_cpu);
  r.server_waker_cpu = o.server_waker_cpu.value_or(woken ? o.client_cpu : unknown);
  r.client_prev_cpu = o.client_prev_cpu.value_or(sync ? o.client_cpu : unknown);
  r.client_target_cpu = o.client_target_cpu.value_or(r.resume_cpu);
  r.client_waker_cpu = o.client_waker_cpu.value_or(sync ? r.reply_cpu : unknown);

  r.migrations_server_waiting = o.migrations_server_waiting;
  r.migrations_server_serving = o.migrations_server_serving;
  r.migrations_client_waiting = o.migrations_client_waiting;
  r.flags = o.flags;
  r.shard = o.shard;
  return r;
}

inline ft_task make_task(uint32_t tid, uint32_t tgid, std::string_view comm) {
  ft_task t{};
  t.tid = tid;
  t.tgid = tgid;
  std::memcpy(t.comm, comm.data(), comm.size() < FT_COMM_LEN ? comm.size() : FT_COMM_LEN);
  return t;
}

}  // namespace fusetrace::test
