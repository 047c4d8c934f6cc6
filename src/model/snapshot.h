// SPDX-License-Identifier: Apache-2.0
// Everything that a summary view shows, made from requests by the Aggregator
// or from the kernel's running totals. Views render a Snapshot and nothing
// else, so that live and offline views cannot disagree.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "facts.h"
#include "model/capture_info.h"
#include "model/evidence.h"
#include "model/histogram.h"
#include "model/limits.h"
#include "model/request.h"
#include "model/snapshot_axes.h"

namespace fusetrace {

using HopCounts = std::array<uint64_t, distance_count>;
// Those whose distance is known.
inline uint64_t known_hops(const HopCounts& counts) {
  uint64_t sum = 0;
  for (size_t d = 0; d < distance_count; ++d) {
    if (d != static_cast<size_t>(Distance::unknown)) sum += counts[d];
  }
  return sum;
}

// Wakeups of one side, by where the thread was put, whether that CPU was idle,
// and the hint.
struct Wakeups {
  uint64_t by[placement_count][target_idle_count][wake_hint_count] = {};

  uint64_t placed(Placement placement) const;
  uint64_t placed(Placement placement, TargetIdle idle) const;
  uint64_t placed(Placement placement, WakeHint hint) const;
  uint64_t total() const;
  void merge(const Wakeups& other);
  void subtract(const Wakeups& earlier);
};

// The counts of a group of requests: of one opcode on one connection, and by
// merging of everything coarser.
struct Cell {
  uint64_t requests = 0;
  uint64_t errors = 0;
  uint64_t bytes_in = 0;
  uint64_t bytes_out = 0;
  std::array<uint64_t, FT_KINDS> kinds = {};
  std::array<uint64_t, FT_TRANSPORTS> transports = {};
  std::array<uint64_t, FT_PICKUPS> pickups = {};
  // Request hop by pickup. Only from requests: running totals do not have it, and
  // then all is 0.
  std::array<HopCounts, FT_PICKUPS> pickup_hops = {};
  std::array<HopCounts, hop_count> hops = {};
  std::array<Wakeups, side_count> wakeups = {};
  std::array<uint64_t, migration_count> migrations = {};
  std::array<Histogram, stage_count> stages;

  void merge(const Cell& other);
  // Takes away an earlier state of the same counts.
  void subtract(const Cell& earlier);
  uint64_t migrations_total() const;
  // Requests whose hop is known.
  uint64_t hop_known(Hop hop) const;
  // Share of the known ones on the same CPU, or within the same last-level
  // cache; 0 when none is known.
  double same_cpu_ratio(Hop hop) const;
  double same_llc_ratio(Hop hop) const;
};

// How often a pair of CPUs occurred. Memory is taken by the 64 CPUs that a count falls
// among, so that a few high numbers cost little.
class CpuMatrix {
 public:
  // Pairs with a number from limits::cpus on can only come from a damaged file and are
  // not counted.
  void add(uint32_t from, uint32_t to, uint64_t count = 1) {
    size_t unlimited = SIZE_MAX;
    add(from, to, count, unlimited);
  }
  // The same where new rows of 64 are taken from a budget; without one left, what
  // needs a new row is not counted.
  void add(uint32_t from, uint32_t to, uint64_t count, size_t& rows_left) {
    if (from < near_.size() && to < row_cpus) [[likely]] {
      near_[from][to] += count;
    } else {
      add_far(from, to, count, rows_left);
    }
  }
  uint64_t at(uint32_t from, uint32_t to) const;
  void merge(const CpuMatrix& other);
  void subtract(const CpuMatrix& earlier);
  // CPUs up to and with the highest that was counted.
  uint32_t size() const { return size_; }

  // Calls function(from, to, count) for each count that is not 0, in no order.
  template <typename Function>
  void for_each(Function function) const {
    const auto row = [&function](uint32_t from, uint32_t first, const Row& counts) {
      for (uint32_t i = 0; i < row_cpus; ++i)
        if (counts[i] != 0) function(from, first + i, counts[i]);
    };
    for (uint32_t from = 0; from < near_.size(); ++from) row(from, 0, near_[from]);
    for (const auto& [key, counts] : far_) row(from_of(key), first_of(key), counts);
  }

 private:
  static constexpr uint32_t row_cpus = 64;
  using Row = std::array<uint64_t, row_cpus>;
  static uint32_t key_of(uint32_t from, uint32_t to) { return from << 16 | to / row_cpus; }
  static uint32_t from_of(uint32_t key) { return key >> 16; }
  static uint32_t first_of(uint32_t key) { return (key & 0xffff) * row_cpus; }
  void add_far(uint32_t from, uint32_t to, uint64_t count, size_t& rows_left);

  uint32_t size_ = 0;
  std::vector<Row> near_;                  // from and to below row_cpus, by from
  std::unordered_map<uint32_t, Row> far_;  // by key_of()
};

// What was taken from one shard of a connection's input queue.
struct ShardTotals {
  uint64_t requests = 0;
  uint64_t stolen = 0;  // by readers on the CPUs of other shards
  Histogram age;        // queued to picked up

  void merge(const ShardTotals& other);
};

// What is kept per connection beside its cells.
struct ConnectionTotals {
  // Total latency by the distance of each hop: what distance costs.
  std::array<std::array<Histogram, distance_count>, hop_count> latency;
  std::array<CpuMatrix, hop_count> matrix;  // client -> server, replier -> client
  // Where woken threads slept and where they were put: prev -> target.
  std::array<CpuMatrix, side_count> placed;
  // Of requests for which a server was woken: where it was put, and where the
  // request was then picked up, by that server or another one.
  CpuMatrix picked;
  // By shard; only from requests, and where the kernel tells.
  std::map<uint16_t, ShardTotals> shards;

  void merge(const ConnectionTotals& other);
  void subtract(const ConnectionTotals& earlier);
};

// A thread as client or as server.
struct ThreadTotals {
  uint64_t requests = 0;
  uint64_t hop_known = 0;
  uint64_t same_cpu = 0;
  uint64_t migrations = 0;
  Histogram latency;  // total for a client, service for a server

  void merge(const ThreadTotals& other);
};

// Threads of one process that have the same name. A server that makes and ends threads as its
// load goes has thousands of them in one recording, each with a few requests.
struct ThreadGroup {
  uint32_t tgid = 0;  // 0: not known, or of several processes
  std::string name;
  uint64_t threads = 0;  // at least so many; more where some are counted by name alone
  uint32_t tid = 0;      // of the only one; 0 where there are several
  ThreadTotals totals;
};

// One stretch of time, by when requests ended.
struct Interval {
  uint64_t requests = 0;
  HopCounts hops = {};  // request hop
  uint64_t bytes = 0;   // both ways
  uint64_t migrations = 0;
  Histogram total;

  void merge(const Interval& other);
};

// The intervals as they are shown: long enough to be read, short enough to show
// a swing.
struct Timeline {
  uint64_t interval_ns = 0;
  std::vector<Interval> intervals;
  // How much of each was captured: all of it, but for the last.
  std::vector<double> seconds;
};

struct Snapshot {
  CaptureInfo info;
  Losses losses;
  std::string truncation;  // why the recording ends early; empty: it does not
  std::map<uint32_t, ft_task> tasks;

  // By connection and opcode.
  std::map<std::pair<uint32_t, uint32_t>, Cell> cells;
  std::map<uint32_t, ConnectionTotals> connections;

  // Only from requests; empty in a snapshot of running totals. By tid; threads beyond
  // Aggregator::max_threads are counted together by their name.
  std::map<uint32_t, ThreadTotals> clients;
  std::map<uint32_t, ThreadTotals> servers;
  std::map<std::string, ThreadTotals> more_clients;
  std::map<std::string, ThreadTotals> more_servers;
  // What findings stand on, by connection and opcode, and by connection.
  std::map<std::pair<uint32_t, uint32_t>, Evidence> evidence;
  std::map<uint32_t, ServerTimes> server_times;
  std::vector<Interval> intervals;
  uint64_t interval_ns = 0;
  uint64_t first_ns = 0;  // start of the first interval

  // Stretch from the capture's start to its end, or to the last request of one
  // that was cut off.
  double seconds = 0;

  // What came since an earlier snapshot of the same totals: cells, connections,
  // losses and seconds.
  Snapshot since(const Snapshot& earlier) const;

  // One second each where there are enough of those, else shorter; never
  // shorter than least_ns. Empty without intervals.
  Timeline timeline(uint64_t least_ns = 0) const;

  // Sums over cells; over all of them with no argument.
  Cell total() const;
  Cell total_of_connection(uint32_t connection) const;
  Cell total_of_opcode(uint32_t opcode) const;
  ConnectionTotals all_connections() const;

  // How far the counts of the hops' latencies and those of the total stage are apart: 0 unless
  // running totals were read while they grew, or had no room.
  uint64_t hops_without_latency() const;

  // Clients or servers by process and name, most requests first.
  std::vector<ThreadGroup> thread_groups(Side side) const;
};

}  // namespace fusetrace
