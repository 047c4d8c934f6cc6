// SPDX-License-Identifier: Apache-2.0
// Running totals of two moments, taken from each other: what came in between.
#include <algorithm>

#include "model/snapshot.h"

namespace fusetrace {
namespace {

// Read while they grow, counts that belong together may be a moment apart: a
// difference below zero is none.
void take(uint64_t& from, uint64_t what) { from -= std::min(from, what); }

template <size_t N>
void take_all(std::array<uint64_t, N>& from, const std::array<uint64_t, N>& what) {
  for (size_t i = 0; i < N; ++i) take(from[i], what[i]);
}

template <typename T, size_t N>
void subtract_all(std::array<T, N>& from, const std::array<T, N>& what) {
  for (size_t i = 0; i < N; ++i) from[i].subtract(what[i]);
}

}  // namespace

void Wakeups::subtract(const Wakeups& earlier) {
  for (size_t i = 0; i < placement_count; ++i) {
    for (size_t k = 0; k < target_idle_count; ++k) {
      for (size_t n = 0; n < wake_hint_count; ++n) take(by[i][k][n], earlier.by[i][k][n]);
    }
  }
}

void Cell::subtract(const Cell& earlier) {
  take(requests, earlier.requests);
  take(errors, earlier.errors);
  take(bytes_in, earlier.bytes_in);
  take(bytes_out, earlier.bytes_out);
  take_all(kinds, earlier.kinds);
  take_all(transports, earlier.transports);
  take_all(pickups, earlier.pickups);
  for (size_t i = 0; i < FT_PICKUPS; ++i) take_all(pickup_hops[i], earlier.pickup_hops[i]);
  for (size_t i = 0; i < hop_count; ++i) take_all(hops[i], earlier.hops[i]);
  subtract_all(wakeups, earlier.wakeups);
  take_all(migrations, earlier.migrations);
  subtract_all(stages, earlier.stages);
}

void CpuMatrix::subtract(const CpuMatrix& earlier) {
  const auto row = [&earlier](uint32_t from, uint32_t first, Row& counts) {
    for (uint32_t i = 0; i < row_cpus; ++i) take(counts[i], earlier.at(from, first + i));
  };
  for (uint32_t from = 0; from < near_.size(); ++from) row(from, 0, near_[from]);
  for (auto& [key, counts] : far_) row(from_of(key), first_of(key), counts);
}

void ConnectionTotals::subtract(const ConnectionTotals& earlier) {
  for (size_t i = 0; i < hop_count; ++i) subtract_all(latency[i], earlier.latency[i]);
  subtract_all(matrix, earlier.matrix);
  subtract_all(placed, earlier.placed);
  picked.subtract(earlier.picked);
}

Snapshot Snapshot::since(const Snapshot& earlier) const {
  Snapshot out = *this;
  for (auto& [key, cell] : out.cells) {
    const auto before = earlier.cells.find(key);
    if (before != earlier.cells.end()) cell.subtract(before->second);
  }
  std::erase_if(out.cells, [](const auto& one) { return one.second.requests == 0; });
  for (auto& [id, totals] : out.connections) {
    const auto before = earlier.connections.find(id);
    if (before != earlier.connections.end()) totals.subtract(before->second);
  }
  for (size_t i = 0; i < FT_LOSSES; ++i) take(out.losses.lost[i], earlier.losses.lost[i]);
  for (size_t i = 0; i < FT_INCOMPLETES; ++i) {
    take(out.losses.incomplete[i], earlier.losses.incomplete[i]);
  }
  out.seconds = std::max(0.0, seconds - earlier.seconds);
  return out;
}

}  // namespace fusetrace
