// SPDX-License-Identifier: Apache-2.0
#include "capture/totals.h"

#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "capture/bpf_object.h"

namespace fusetrace {

// A map's values, read-only.
class Totals::Mapping {
 public:
  Mapping() = default;
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;
  ~Mapping() {
    if (data_ != nullptr) munmap(data_, bytes_);
  }

  bool open(const bpf_map* map) {
    const auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
    const size_t values = size_t{bpf_map__max_entries(map)} * bpf_map__value_size(map);
    bytes_ = (values + page - 1) / page * page;
    void* data = mmap(nullptr, bytes_, PROT_READ, MAP_SHARED, bpf_map__fd(map), 0);
    if (data == MAP_FAILED) return false;
    data_ = data;
    count_ = bpf_map__max_entries(map);
    return true;
  }

  // The value with this index; nullptr beyond the end.
  template <typename T>
  const T* at(size_t index) const {
    return index < count_ ? static_cast<const T*>(data_) + index : nullptr;
  }

 private:
  void* data_ = nullptr;
  size_t bytes_ = 0;
  size_t count_ = 0;
};

struct Totals::Tables {
  fusetrace_bpf* object = nullptr;
  uint32_t cpus = 1;
  Mapping cells;
  Mapping latencies;
  Mapping pairs;
  Mapping connections;

  void add_cell(uint32_t place, Cell& cell) const;
  void add_connection(uint32_t place, ConnectionTotals& totals) const;
  void add_pairs(uint32_t place, uint32_t kind, CpuMatrix& matrix) const;
};

void size_totals(fusetrace_bpf& object, uint32_t cpus) {
  constexpr size_t mebibyte = 1 << 20;
  const size_t room = std::min<size_t>(40 + cpus * 12, 1024) * mebibyte;
  const size_t cells = std::clamp<size_t>(room / (cpus * sizeof(ft_totals)), 32, 4096);
  const size_t rows = std::clamp<size_t>(room / 4 / (cpus * sizeof(ft_latency)), 16, 4096);
  const size_t pairs = size_t{FT_PAIRS} * cpus * cpus;
  const size_t connections = std::clamp<size_t>(room / 4 / (pairs * sizeof(uint64_t)), 2, 2048);

  auto* settings = object.rodata;
  settings->keep_totals = true;
  settings->totals_cpus = cpus;
  settings->totals_cells_n = static_cast<uint32_t>(cells);
  settings->totals_latencies_n = static_cast<uint32_t>(rows);
  settings->totals_connections_n = static_cast<uint32_t>(connections);
  auto size = [](bpf_map* map, size_t entries) {
    bpf_map__set_max_entries(map, static_cast<uint32_t>(entries));
  };
  size(object.maps.totals_cells, cells * cpus);
  size(object.maps.totals_latencies, rows * cpus);
  size(object.maps.totals_connections, connections);
  size(object.maps.totals_pairs, connections * pairs);
  size(object.maps.totals_ids, cells);
  size(object.maps.totals_connection_ids, connections);
}

Result<Totals> Totals::map(fusetrace_bpf& object) {
  auto tables = std::make_shared<Tables>();
  tables->object = &object;
  tables->cpus = object.rodata->totals_cpus;
  if (!tables->cells.open(object.maps.totals_cells) ||
      !tables->latencies.open(object.maps.totals_latencies) ||
      !tables->pairs.open(object.maps.totals_pairs) ||
      !tables->connections.open(object.maps.totals_connections)) {
    return fail(fmt::format("cannot map the running totals: {}", strerror(errno)));
  }
  return Totals(std::move(tables));
}

namespace {

// What one CPU counted, added to the rest. The maximum is that of all CPUs.
void add_latency(Histogram& to, const ft_latency& from, uint64_t& max_ns) {
  for (uint32_t i = 0; i < FT_HIST_BUCKETS; ++i) {
    if (from.buckets[i] != 0) to.add_bucket(i, from.buckets[i]);
  }
  to.add_sum(from.sum_ns);
  max_ns = std::max<uint64_t>(max_ns, from.max_ns);
}

template <size_t N>
void add_counts(std::array<uint64_t, N>& to, const ft_u64 (&from)[N]) {
  for (size_t i = 0; i < N; ++i) to[i] += from[i];
}

}  // namespace

void Totals::Tables::add_cell(uint32_t place, Cell& cell) const {
  std::array<uint64_t, stage_count> max_ns = {};
  for (uint32_t cpu = 0; cpu < cpus; ++cpu) {
    const auto* from = cells.at<ft_totals>(size_t{place} * cpus + cpu);
    if (from == nullptr || from->requests == 0) continue;
    cell.requests += from->requests;
    cell.errors += from->errors;
    cell.bytes_in += from->bytes_in;
    cell.bytes_out += from->bytes_out;
    add_counts(cell.kinds, from->kinds);
    add_counts(cell.transports, from->transports);
    add_counts(cell.pickups, from->pickups);
    add_counts(cell.migrations, from->migrations);
    for (size_t hop = 0; hop < hop_count; ++hop) add_counts(cell.hops[hop], from->hops[hop]);
    for (size_t side = 0; side < side_count; ++side) {
      for (uint32_t placement = 0; placement < FT_PLACEMENTS; ++placement) {
        for (uint32_t target = 0; target < FT_TARGETS; ++target) {
          for (uint32_t hint = 0; hint < FT_HINTS; ++hint) {
            cell.wakeups[side].by[placement][target][hint] +=
                from->wakeups[side][ft_wakeup_index(placement, target, hint)];
          }
        }
      }
    }
    for (size_t stage = 0; stage < stage_count; ++stage) {
      add_latency(cell.stages[stage], from->stages[stage], max_ns[stage]);
    }
  }
  for (size_t stage = 0; stage < stage_count; ++stage) cell.stages[stage].set_max(max_ns[stage]);
}

void Totals::Tables::add_pairs(uint32_t place, uint32_t kind, CpuMatrix& matrix) const {
  const size_t first = (size_t{place} * FT_PAIRS + kind) * cpus * cpus;
  for (uint32_t from = 0; from < cpus; ++from) {
    for (uint32_t to = 0; to < cpus; ++to) {
      const auto* count = pairs.at<uint64_t>(first + size_t{from} * cpus + to);
      if (count != nullptr && *count != 0) matrix.add(from, to, *count);
    }
  }
}

void Totals::Tables::add_connection(uint32_t place, ConnectionTotals& totals) const {
  const auto* connection = connections.at<ft_totals_connection>(place);
  if (connection == nullptr) return;
  for (size_t i = 0; i < hop_count * distance_count; ++i) {
    const uint32_t row = connection->latency[i];
    if (row == 0 || row == FT_TOTALS_NONE) continue;
    Histogram& latency = totals.latency[i / distance_count][i % distance_count];
    uint64_t max_ns = 0;
    for (uint32_t cpu = 0; cpu < cpus; ++cpu) {
      const auto* from = latencies.at<ft_latency>(size_t{row} * cpus + cpu);
      if (from != nullptr) add_latency(latency, *from, max_ns);
    }
    latency.set_max(max_ns);
  }
  add_pairs(place, FT_PAIR_REQUEST, totals.matrix[0]);
  add_pairs(place, FT_PAIR_REPLY, totals.matrix[1]);
  add_pairs(place, FT_PAIR_SERVER_PLACED, totals.placed[0]);
  add_pairs(place, FT_PAIR_CLIENT_PLACED, totals.placed[1]);
  add_pairs(place, FT_PAIR_PICKED, totals.picked);
}

void Totals::read(Snapshot& out) const {
  out.cells.clear();
  out.connections.clear();
  const int ids = bpf_map__fd(tables_->object->maps.totals_ids);
  uint64_t key = 0;
  const uint64_t* previous = nullptr;
  while (bpf_map_get_next_key(ids, previous, &key) == 0) {
    previous = &key;
    ft_totals_id id{};
    if (bpf_map_lookup_elem(ids, &key, &id) != 0) continue;
    const auto connection = static_cast<uint32_t>(key >> 32);
    tables_->add_cell(id.cell, out.cells[{connection, static_cast<uint32_t>(key)}]);
    if (id.connection != FT_TOTALS_NONE && out.connections.count(connection) == 0) {
      tables_->add_connection(id.connection, out.connections[connection]);
    }
  }
}

std::vector<uint32_t> Totals::connections() const {
  std::vector<uint32_t> out;
  for (uint32_t place = 0; place < tables_->object->rodata->totals_connections_n; ++place) {
    const auto* connection = tables_->connections.at<ft_totals_connection>(place);
    if (connection != nullptr && connection->id != 0) out.push_back(connection->id);
  }
  return out;
}

}  // namespace fusetrace
