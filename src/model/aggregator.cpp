// SPDX-License-Identifier: Apache-2.0
#include "model/aggregator.h"

#include <algorithm>
#include <cstring>

#include "model/count_request.h"

namespace fusetrace {

struct Aggregator::PerConnection {
  uint32_t id = 0;
  // Opcodes below 128 by number, so that the usual case is a load; the rare
  // ones above (CUSE_INIT) in a map.
  std::array<std::unique_ptr<Cell>, 128> cells;
  std::unordered_map<uint32_t, Cell> other_cells;
  ConnectionTotals totals;
  // Findings are about common requests; the rare opcodes have none.
  std::array<std::unique_ptr<Evidence>, 128> evidence;
  ServerTimes server_times;

  Cell& cell(uint32_t opcode) {
    if (opcode >= cells.size()) return other_cells[opcode];
    auto& cell = cells[opcode];
    if (!cell) cell = std::make_unique<Cell>();
    return *cell;
  }

  void add_evidence(const ft_request& r, const RequestFacts& facts) {
    server_times.add(r, facts.stages);
    if (r.opcode >= evidence.size()) return;
    auto& one = evidence[r.opcode];
    if (!one) one = std::make_unique<Evidence>();
    one->add(r, facts.stages, facts.request_hop);
  }
};

void Aggregator::count_pair(CpuMatrix& matrix, uint32_t from, uint32_t to) {
  if (from != FT_CPU_UNKNOWN && to != FT_CPU_UNKNOWN) matrix.add(from, to, 1, matrix_rows_left_);
}

Aggregator::Aggregator(const CaptureInfo& info)
    : topology_(info.topology), info_(info), origin_ns_(info.start_ns) {}

Aggregator::~Aggregator() = default;

void Aggregator::set_info(const CaptureInfo& info) {
  info_ = info;
  topology_ = info.topology;
}

void Aggregator::add(std::span<const ft_request> requests) {
  for (const ft_request& r : requests) add_one(r);
}

void Aggregator::add_tasks(std::span<const ft_task> tasks) {
  for (const ft_task& task : tasks) {
    if (tasks_.size() < limits::named_threads || tasks_.contains(task.tid)) tasks_[task.tid] = task;
  }
}

Aggregator::PerConnection& Aggregator::connection(uint32_t id) {
  if (last_connection_ != nullptr && last_connection_->id == id) return *last_connection_;
  auto& found = connections_[id];
  if (!found) {
    found = std::make_unique<PerConnection>();
    found->id = id;
  }
  last_connection_ = found.get();
  return *found;
}

ThreadTotals& Aggregator::thread(Threads& all, uint32_t tid) {
  auto& [known, totals] = all.recent[tid % all.recent.size()];
  if (known == tid && totals != nullptr) return *totals;
  known = tid;
  const auto found = all.by_tid.find(tid);
  if (found != all.by_tid.end()) {
    totals = &found->second;  // stable: the map is node based
  } else if (all.by_tid.size() < max_threads) {
    totals = &all.by_tid[tid];
  } else {
    std::string name;
    if (const auto task = tasks_.find(tid); task != tasks_.end()) {
      name.assign(task->second.comm, strnlen(task->second.comm, FT_COMM_LEN));
    }
    // Names too can be made up without end.
    if (all.by_name.size() >= max_threads && !all.by_name.contains(name)) name.clear();
    totals = &all.by_name[name];
  }
  return *totals;
}

void Aggregator::halve_intervals() {
  interval_ns_ *= 2;
  for (size_t i = 0; i < intervals_.size(); ++i) {
    Interval& to = intervals_[i / 2];
    if (i % 2 == 0) {
      if (i != 0) to = std::move(intervals_[i]);
      continue;
    }
    to.merge(intervals_[i]);
  }
  intervals_.resize((intervals_.size() + 1) / 2);
}

Interval& Aggregator::interval_of(uint64_t ns) {
  if (origin_ns_ == 0 && intervals_.empty()) origin_ns_ = ns;
  uint64_t index = ns > origin_ns_ ? (ns - origin_ns_) / interval_ns_ : 0;
  while (index >= max_intervals) {
    halve_intervals();
    index = (ns - origin_ns_) / interval_ns_;
  }
  if (index >= intervals_.size()) intervals_.resize(index + 1);
  return intervals_[index];
}

void Aggregator::add_one(const ft_request& r) {
  const ToldApart::Group group = told_apart_.of(r);
  PerConnection& conn = connection(group.connection);
  Cell& cell = conn.cell(group.opcode);
  const RequestFacts facts = facts_of(r, topology_);
  const Stages& stages = facts.stages;
  const auto request_distance = static_cast<size_t>(facts.request_hop);
  const uint64_t total_ns = stages.ns[static_cast<size_t>(Stage::total)];

  const uint32_t migrations = count_request(cell, r, facts);
  conn.add_evidence(r, facts);
  clock_backwards_ += stages.backwards;
  if (total_ns != Stages::unknown) conn.totals.latency[0][request_distance].add(total_ns);
  count_pair(conn.totals.matrix[0], r.client_cpu, r.server_cpu);
  if (has_reply_hop(r)) {
    if (total_ns != Stages::unknown) {
      conn.totals.latency[1][static_cast<size_t>(facts.reply_hop)].add(total_ns);
    }
    count_pair(conn.totals.matrix[1], r.reply_cpu, r.resume_cpu);
  }
  if (has_server_wakeup(r)) {
    count_pair(conn.totals.placed[0], r.server_prev_cpu, r.server_target_cpu);
    count_pair(conn.totals.picked, r.server_target_cpu, r.server_cpu);
  }
  if (has_client_wakeup(r)) {
    count_pair(conn.totals.placed[1], r.client_prev_cpu, r.client_target_cpu);
  }

  if ((r.flags & FT_F_SHARD_KNOWN) != 0) {
    auto& shards = conn.totals.shards;
    auto found = shards.find(r.shard);
    if (found == shards.end()) {
      found = shards.try_emplace(shards_ < limits::shards ? r.shard : UINT16_MAX).first;
      ++shards_;
    }
    ShardTotals& shard = found->second;
    ++shard.requests;
    shard.stolen += (r.flags & FT_F_STOLEN) != 0;
    if (r.picked_up_ns >= r.queued_ns && r.queued_ns != 0) {
      shard.age.add(r.picked_up_ns - r.queued_ns);
    }
  }

  const bool hop_known = request_distance != static_cast<size_t>(Distance::unknown);
  if (r.client_tid != 0) {
    ThreadTotals& client = thread(clients_, r.client_tid);
    ++client.requests;
    client.hop_known += hop_known;
    client.same_cpu += request_distance == 0;
    client.migrations += r.migrations_client_waiting;
    if (total_ns != Stages::unknown) client.latency.add(total_ns);
  }
  if (r.server_tid != 0) {
    ThreadTotals& server = thread(servers_, r.server_tid);
    ++server.requests;
    server.hop_known += hop_known;
    server.same_cpu += request_distance == 0;
    server.migrations += r.migrations_server_serving;
    if (const uint64_t ns = stages.ns[static_cast<size_t>(Stage::service)]; ns != Stages::unknown) {
      server.latency.add(ns);
    }
  }

  const uint64_t end = end_of(r);
  last_ns_ = std::max(last_ns_, end);
  Interval& interval = interval_of(end);
  ++interval.requests;
  ++interval.hops[request_distance];
  interval.bytes += r.bytes_in + r.bytes_out;
  interval.migrations += migrations;
  if (total_ns != Stages::unknown) interval.total.add(total_ns);
}

Snapshot Aggregator::snapshot() const {
  Snapshot out;
  out.info = info_;
  out.losses = losses_;
  out.losses.lost[FT_LOSS_CLOCK_BACKWARDS] += clock_backwards_;
  out.truncation = truncation_;
  out.tasks.insert(tasks_.begin(), tasks_.end());
  for (const auto& [id, conn] : connections_) {
    for (uint32_t opcode = 0; opcode < conn->cells.size(); ++opcode) {
      if (conn->cells[opcode]) out.cells.emplace(std::pair(id, opcode), *conn->cells[opcode]);
    }
    for (const auto& [opcode, cell] : conn->other_cells) {
      out.cells.emplace(std::pair(id, opcode), cell);
    }
    out.connections.emplace(id, conn->totals);
    for (uint32_t opcode = 0; opcode < conn->evidence.size(); ++opcode) {
      if (conn->evidence[opcode]) {
        out.evidence.emplace(std::pair(id, opcode), *conn->evidence[opcode]);
      }
    }
    out.server_times.emplace(id, conn->server_times);
  }
  out.clients.insert(clients_.by_tid.begin(), clients_.by_tid.end());
  out.servers.insert(servers_.by_tid.begin(), servers_.by_tid.end());
  out.more_clients.insert(clients_.by_name.begin(), clients_.by_name.end());
  out.more_servers.insert(servers_.by_name.begin(), servers_.by_name.end());
  out.intervals = intervals_;
  out.interval_ns = interval_ns_;
  out.first_ns = origin_ns_;
  const uint64_t end = std::max(info_.end_ns, info_.end_ns == 0 ? last_ns_ : 0);
  if (end > info_.start_ns) out.seconds = static_cast<double>(end - info_.start_ns) / 1e9;
  return out;
}

}  // namespace fusetrace
