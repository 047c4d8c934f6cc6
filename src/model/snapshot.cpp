// SPDX-License-Identifier: Apache-2.0
#include "model/snapshot.h"

#include <algorithm>
#include <cstring>

namespace fusetrace {
namespace {

template <typename T, size_t N>
void add_all(std::array<T, N>& to, const std::array<T, N>& from) {
  for (size_t i = 0; i < N; ++i) to[i] += from[i];
}

template <typename T, size_t N>
void merge_all(std::array<T, N>& to, const std::array<T, N>& from) {
  for (size_t i = 0; i < N; ++i) to[i].merge(from[i]);
}

double share(uint64_t part, uint64_t whole) {
  return whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole);
}

}  // namespace

uint64_t Wakeups::placed(Placement placement) const {
  uint64_t sum = 0;
  for (const auto& idle : by[static_cast<size_t>(placement)]) {
    for (const uint64_t count : idle) sum += count;
  }
  return sum;
}

uint64_t Wakeups::placed(Placement placement, TargetIdle idle) const {
  uint64_t sum = 0;
  for (const uint64_t count : by[static_cast<size_t>(placement)][static_cast<size_t>(idle)]) {
    sum += count;
  }
  return sum;
}

uint64_t Wakeups::placed(Placement placement, WakeHint hint) const {
  uint64_t sum = 0;
  for (const auto& idle : by[static_cast<size_t>(placement)]) {
    sum += idle[static_cast<size_t>(hint)];
  }
  return sum;
}

uint64_t Wakeups::total() const {
  uint64_t sum = 0;
  for (size_t i = 0; i < placement_count; ++i) sum += placed(static_cast<Placement>(i));
  return sum;
}

void Wakeups::merge(const Wakeups& other) {
  for (size_t p = 0; p < placement_count; ++p) {
    for (size_t i = 0; i < target_idle_count; ++i) {
      for (size_t h = 0; h < wake_hint_count; ++h) by[p][i][h] += other.by[p][i][h];
    }
  }
}

void Cell::merge(const Cell& other) {
  requests += other.requests;
  errors += other.errors;
  bytes_in += other.bytes_in;
  bytes_out += other.bytes_out;
  add_all(kinds, other.kinds);
  add_all(transports, other.transports);
  add_all(pickups, other.pickups);
  for (size_t i = 0; i < FT_PICKUPS; ++i) add_all(pickup_hops[i], other.pickup_hops[i]);
  for (size_t i = 0; i < hop_count; ++i) add_all(hops[i], other.hops[i]);
  merge_all(wakeups, other.wakeups);
  add_all(migrations, other.migrations);
  merge_all(stages, other.stages);
}

uint64_t Cell::migrations_total() const {
  uint64_t sum = 0;
  for (const uint64_t count : migrations) sum += count;
  return sum;
}

uint64_t Cell::hop_known(Hop hop) const {
  uint64_t sum = 0;
  const HopCounts& counts = hops[static_cast<size_t>(hop)];
  for (size_t i = 0; i + 1 < distance_count; ++i) sum += counts[i];
  return sum;
}

double Cell::same_cpu_ratio(Hop hop) const {
  return share(hops[static_cast<size_t>(hop)][0], hop_known(hop));
}

double Cell::same_llc_ratio(Hop hop) const {
  const HopCounts& counts = hops[static_cast<size_t>(hop)];
  return share(counts[0] + counts[1] + counts[2], hop_known(hop));
}

void CpuMatrix::add_far(uint32_t from, uint32_t to, uint64_t count, size_t& rows_left) {
  if (from >= limits::cpus || to >= limits::cpus) return;
  Row* row = nullptr;
  if (from < row_cpus && to < row_cpus) {
    const size_t more = from + 1 - near_.size();
    if (more > rows_left) return;
    rows_left -= more;
    near_.resize(from + 1);
    row = &near_[from];
  } else {
    const auto found = far_.find(key_of(from, to));
    if (found == far_.end()) {
      if (rows_left == 0) return;
      --rows_left;
      row = &far_[key_of(from, to)];
    } else {
      row = &found->second;
    }
  }
  (*row)[to % row_cpus] += count;
  size_ = std::max({size_, from + 1, to + 1});
}

uint64_t CpuMatrix::at(uint32_t from, uint32_t to) const {
  if (from < row_cpus && to < row_cpus) return from < near_.size() ? near_[from][to] : 0;
  if (from >= limits::cpus || to >= limits::cpus) return 0;
  const auto found = far_.find(key_of(from, to));
  return found == far_.end() ? 0 : found->second[to % row_cpus];
}

void CpuMatrix::merge(const CpuMatrix& other) {
  other.for_each([this](uint32_t from, uint32_t to, uint64_t count) { add(from, to, count); });
}

void ConnectionTotals::merge(const ConnectionTotals& other) {
  for (size_t i = 0; i < hop_count; ++i) merge_all(latency[i], other.latency[i]);
  merge_all(matrix, other.matrix);
  merge_all(placed, other.placed);
  picked.merge(other.picked);
  for (const auto& [shard, totals] : other.shards) shards[shard].merge(totals);
}

void ShardTotals::merge(const ShardTotals& other) {
  requests += other.requests;
  stolen += other.stolen;
  age.merge(other.age);
}

void Interval::merge(const Interval& other) {
  requests += other.requests;
  bytes += other.bytes;
  migrations += other.migrations;
  add_all(hops, other.hops);
  total.merge(other.total);
}

Timeline Snapshot::timeline(uint64_t least_ns) const {
  constexpr size_t enough_points = 128;
  constexpr uint64_t second_ns = 1'000'000'000;
  Timeline out;
  out.interval_ns = interval_ns;
  out.intervals = intervals;
  if (intervals.empty() || interval_ns == 0) return out;
  while (out.interval_ns < least_ns ||
         (out.interval_ns < second_ns && out.intervals.size() > enough_points)) {
    for (size_t i = 0; i < out.intervals.size(); ++i) {
      if (i == 0) continue;
      if (i % 2 == 0) {
        out.intervals[i / 2] = std::move(out.intervals[i]);
      } else {
        out.intervals[i / 2].merge(out.intervals[i]);
      }
    }
    out.intervals.resize((out.intervals.size() + 1) / 2);
    out.interval_ns *= 2;
  }
  const double whole = static_cast<double>(out.interval_ns) / 1e9;
  for (size_t i = 0; i < out.intervals.size(); ++i) {
    const double left = seconds - whole * static_cast<double>(i);
    out.seconds.push_back(left > 0 && left < whole ? left : whole);
  }
  return out;
}

Cell Snapshot::total() const {
  Cell sum;
  for (const auto& [key, cell] : cells) sum.merge(cell);
  return sum;
}

Cell Snapshot::total_of_connection(uint32_t connection) const {
  Cell sum;
  for (auto it = cells.lower_bound({connection, 0}); it != cells.end(); ++it) {
    if (it->first.first != connection) break;
    sum.merge(it->second);
  }
  return sum;
}

Cell Snapshot::total_of_opcode(uint32_t opcode) const {
  Cell sum;
  for (const auto& [key, cell] : cells) {
    if (key.second == opcode) sum.merge(cell);
  }
  return sum;
}

ConnectionTotals Snapshot::all_connections() const {
  ConnectionTotals sum;
  for (const auto& [id, totals] : connections) sum.merge(totals);
  return sum;
}

uint64_t Snapshot::hops_without_latency() const {
  std::map<uint32_t, uint64_t> timed;
  for (const auto& [key, cell] : cells) {
    timed[key.first] += cell.stages[static_cast<size_t>(Stage::total)].count();
  }
  uint64_t apart = 0;
  for (const auto& [id, totals] : connections) {
    uint64_t sum = 0;
    for (const Histogram& latency : totals.latency[static_cast<size_t>(Hop::request)]) {
      sum += latency.count();
    }
    const uint64_t other = timed[id];
    apart += sum > other ? sum - other : other - sum;
  }
  return apart;
}

void ThreadTotals::merge(const ThreadTotals& other) {
  requests += other.requests;
  hop_known += other.hop_known;
  same_cpu += other.same_cpu;
  migrations += other.migrations;
  latency.merge(other.latency);
}

std::vector<ThreadGroup> Snapshot::thread_groups(Side side) const {
  const auto& threads = side == Side::client ? clients : servers;
  const auto& more = side == Side::client ? more_clients : more_servers;
  std::map<std::pair<uint32_t, std::string>, ThreadGroup> groups;
  for (const auto& [tid, totals] : threads) {
    const auto task = tasks.find(tid);
    // Threads without a name have nothing in common.
    std::pair<uint32_t, std::string> key(tid, "");
    if (task != tasks.end()) {
      key = {task->second.tgid,
             std::string(task->second.comm, strnlen(task->second.comm, FT_COMM_LEN))};
    }
    ThreadGroup& group = groups[key];
    group.tgid = task == tasks.end() ? 0 : key.first;
    group.name = key.second;
    group.tid = ++group.threads == 1 ? tid : 0;
    group.totals.merge(totals);
  }
  std::vector<ThreadGroup> out;
  for (auto& [key, group] : groups) out.push_back(std::move(group));
  for (const auto& [name, totals] : more) {
    const auto same = [&name](const ThreadGroup& group) { return group.name == name; };
    const auto count = std::count_if(out.begin(), out.end(), same);
    if (count == 1 && !name.empty()) {
      ThreadGroup& group = *std::find_if(out.begin(), out.end(), same);
      group.totals.merge(totals);
      group.tid = 0;
    } else {
      out.push_back({.name = name, .totals = totals});
    }
  }
  std::stable_sort(out.begin(), out.end(), [](const ThreadGroup& a, const ThreadGroup& b) {
    return a.totals.requests > b.totals.requests;
  });
  return out;
}

}  // namespace fusetrace
