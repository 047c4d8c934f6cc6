// SPDX-License-Identifier: Apache-2.0
// What the findings stand on beside the counts: where the time of one opcode's requests on one
// connection went, split by what could have caused it. Only from requests; running totals have
// none.
#pragma once

#include <array>
#include <cstdint>
#include <map>

#include "model/histogram.h"
#include "model/request.h"
#include "model/snapshot_axes.h"

namespace fusetrace {

// Woken threads that waited for a CPU, by what that CPU did when they were put on it.
struct RunDelays {
  std::array<uint64_t, target_idle_count> count = {};
  std::array<uint64_t, target_idle_count> ns = {};
  // Those of them that waited for longer than crowded_ns, or stalled_ns.
  std::array<uint64_t, target_idle_count> crowded = {};
  std::array<uint64_t, target_idle_count> crowded_sum_ns = {};
  std::array<uint64_t, target_idle_count> stalled = {};
  std::array<uint64_t, target_idle_count> stalled_sum_ns = {};

  // A thread that takes over the CPU of the one that woke it waits for some µs until that one
  // sleeps. More than this is another thread's time slice.
  static constexpr uint64_t crowded_ns = 100'000;
  // Waking an idle CPU from its deepest sleep takes up to some hundred µs. More than this is no
  // matter of the CPU.
  static constexpr uint64_t stalled_ns = 1'000'000;

  void add(TargetIdle target, uint64_t ns);
};

// The stages of the requests that one place served, those that a server was woken for: like is
// compared with like.
struct PlaceTimes {
  Histogram total;
  Histogram service;
  Histogram client_delay;  // the client is woken -> it runs
};

struct Evidence {
  // Requests whose queue, service and total are known, and for sync ones return too. The sums
  // below are over these.
  uint64_t requests = 0;
  uint64_t total_ns = 0;
  std::array<uint64_t, FT_PICKUPS> queue_ns = {};  // by how the request met its server
  uint64_t service_ns = 0;
  uint64_t until_woken_ns = 0;  // replied -> the client is woken
  RunDelays server;             // the server is woken -> it runs; part of queue
  RunDelays client;             // the client is woken -> it runs; part of return
  PlaceTimes near;              // served on the client's CPU
  PlaceTimes far;               // on another one

  void add(const ft_request& r, const Stages& stages, Distance hop);
};

// How long each server thread of a connection served, to see whether it had time left.
struct ServerTimes {
  struct One {
    uint64_t requests = 0;
    uint64_t service_ns = 0;
  };
  std::map<uint32_t, One> threads;  // by tid; those beyond max_threads are left out
  uint64_t left_out = 0;            // requests of those
  uint64_t first_ns = UINT64_MAX;   // the first request that was queued
  uint64_t last_ns = 0;             // the last end

  static constexpr size_t max_threads = 1024;

  void add(const ft_request& r, const Stages& stages);
};

}  // namespace fusetrace
