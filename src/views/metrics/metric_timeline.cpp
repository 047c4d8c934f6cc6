// SPDX-License-Identifier: Apache-2.0
#include "views/metrics/metric_timeline.h"

namespace fusetrace {
namespace {

constexpr uint32_t no_id = UINT32_MAX;

template <typename Array>
Array all_unknown() {
  Array ids;
  ids.fill(no_id);
  return ids;
}

uint32_t number(auto value) { return static_cast<uint32_t>(value); }

}  // namespace

struct MetricTimeline::CellIds {
  uint32_t requests = no_id;
  uint32_t errors = no_id;
  std::array<uint32_t, stage_count> phases = all_unknown<std::array<uint32_t, stage_count>>();
};

struct MetricTimeline::ConnectionIds {
  uint32_t number = 0;
  std::unordered_map<uint32_t, CellIds> cells;
  std::unordered_map<uint64_t, uint32_t> pairs;
  std::array<uint32_t, FT_PICKUPS> pickups = all_unknown<std::array<uint32_t, FT_PICKUPS>>();
  std::array<uint32_t, migration_count> migrations =
      all_unknown<std::array<uint32_t, migration_count>>();
  using ByDistance = std::array<uint32_t, hop_count * distance_count>;
  ByDistance hops = all_unknown<ByDistance>();
  ByDistance latency = all_unknown<ByDistance>();
  using ByPlacement = std::array<uint32_t, side_count * placement_count>;
  ByPlacement wakeups = all_unknown<ByPlacement>();
};

void MetricBuckets::merge(const MetricBuckets& other) {
  for (size_t i = 0; i < counts.size(); ++i) counts[i] += other.counts[i];
  sum_ns += other.sum_ns;
}

MetricTimeline::MetricTimeline(uint64_t start_ns, uint64_t interval_ns, bool cpu_pairs)
    : start_ns_(start_ns), interval_ns_(interval_ns), last_ns_(start_ns), cpu_pairs_(cpu_pairs) {}

MetricTimeline::~MetricTimeline() = default;

uint32_t MetricTimeline::id_of(const SeriesKey& key) {
  const auto [found, added] = ids_.try_emplace(key, 0);
  if (added) found->second = key.is_histogram() ? bucket_ids_++ : count_ids_++;
  return found->second;
}

void MetricTimeline::count(uint32_t& id, const SeriesKey& key, uint64_t n) {
  if (id == no_id) id = id_of(key);
  auto& counts = point_->counts;
  if (id >= counts.size()) {
    values_ += count_ids_ - counts.size();
    counts.resize(count_ids_);
  }
  counts[id] += n;
}

void MetricTimeline::observe(uint32_t& id, const SeriesKey& key, uint64_t ns) {
  if (id == no_id) id = id_of(key);
  auto& buckets = point_->buckets;
  if (id >= buckets.size()) {
    values_ += bucket_ids_ - buckets.size();
    buckets.resize(bucket_ids_);
  }
  if (!buckets[id]) {
    buckets[id] = std::make_unique<MetricBuckets>();
    values_ += sizeof(MetricBuckets) / sizeof(uint64_t);
  }
  ++buckets[id]->counts[metric_bucket(ns)];
  buckets[id]->sum_ns += ns;
}

void MetricTimeline::halve() {
  interval_ns_ *= 2;
  std::vector<Point> halved((points_.size() + 1) / 2);
  values_ = 0;
  for (size_t i = 0; i < points_.size(); ++i) {
    Point& to = halved[i / 2];
    Point& from = points_[i];
    to.counts.resize(std::max(to.counts.size(), from.counts.size()));
    for (size_t k = 0; k < from.counts.size(); ++k) to.counts[k] += from.counts[k];
    to.buckets.resize(std::max(to.buckets.size(), from.buckets.size()));
    for (size_t k = 0; k < from.buckets.size(); ++k) {
      if (!from.buckets[k]) continue;
      if (to.buckets[k]) {
        to.buckets[k]->merge(*from.buckets[k]);
      } else {
        to.buckets[k] = std::move(from.buckets[k]);
      }
    }
    from = {};
  }
  for (const Point& point : halved) {
    values_ += point.counts.size() + point.buckets.size();
    for (const auto& buckets : point.buckets) {
      values_ += buckets ? sizeof(MetricBuckets) / sizeof(uint64_t) : 0;
    }
  }
  points_ = std::move(halved);
}

void MetricTimeline::choose_point(uint64_t ns) {
  if (start_ns_ == 0) start_ns_ = ns;
  last_ns_ = std::max(last_ns_, ns);
  const auto index_of = [&] {
    return ns > start_ns_ ? static_cast<size_t>((ns - start_ns_) / interval_ns_) : 0;
  };
  // A single point cannot be joined with another one.
  while (index_of() >= max_points || (values_ > max_values && points_.size() > 1)) halve();
  if (index_of() >= points_.size()) points_.resize(index_of() + 1);
  point_ = &points_[index_of()];
}

MetricTimeline::ConnectionIds& MetricTimeline::connection(uint32_t number) {
  if (last_connection_ == nullptr || last_connection_->number != number) {
    auto& found = connections_[number];
    if (!found) {
      found = std::make_unique<ConnectionIds>();
      found->number = number;
    }
    last_connection_ = found.get();
  }
  return *last_connection_;
}

void MetricTimeline::add(const ft_request& r, const Topology& topology) {
  choose_point(end_of(r));
  const auto [c, opcode] = told_apart_.of(r);
  ConnectionIds& ids = connection(c);
  CellIds& cell = ids.cells[opcode];
  const RequestFacts facts = facts_of(r, topology);

  count(cell.requests, {MetricFamily::requests, c, opcode});
  // The series of errors exists from the first request on, because 0 is a value too.
  count(cell.errors, {MetricFamily::errors, c, opcode}, r.error != 0);
  for (uint32_t i = 0; i < stage_count; ++i) {
    if (facts.stages.ns[i] == Stages::unknown) continue;
    observe(cell.phases[i], {MetricFamily::phase, c, opcode, i}, facts.stages.ns[i]);
  }
  const uint64_t total_ns = facts.stages.ns[number(Stage::total)];
  for (uint32_t hop = 0; hop < (has_reply_hop(r) ? hop_count : 1); ++hop) {
    const uint32_t distance = number(hop == 0 ? facts.request_hop : facts.reply_hop);
    const size_t at = hop * distance_count + distance;
    count(ids.hops[at], {MetricFamily::hops, c, hop, distance});
    if (total_ns == Stages::unknown) continue;
    observe(ids.latency[at], {MetricFamily::hop_latency, c, hop, distance}, total_ns);
  }
  const uint32_t pickup = r.pickup < FT_PICKUPS ? r.pickup : 0;
  count(ids.pickups[pickup], {MetricFamily::pickups, c, pickup});
  const auto wakeup = [&](Side side, Placement placement) {
    count(ids.wakeups[number(side) * placement_count + number(placement)],
          {MetricFamily::wakeups, c, number(side), number(placement)});
  };
  if (has_server_wakeup(r)) wakeup(Side::server, server_placement(r));
  if (has_client_wakeup(r)) wakeup(Side::client, client_placement(r));
  for (uint32_t i = 0; i < migration_count; ++i) {
    count(ids.migrations[i], {MetricFamily::migrations, c, i},
          migrations_of(r, static_cast<Migration>(i)));
  }
  if (cpu_pairs_ && r.client_cpu != FT_CPU_UNKNOWN && r.server_cpu != FT_CPU_UNKNOWN) {
    const uint64_t pair = uint64_t{r.client_cpu} << 32 | r.server_cpu;
    auto found = ids.pairs.find(pair);
    if (found == ids.pairs.end()) {
      if (pairs_ >= limits::metric_pairs) return;
      ++pairs_;
      found = ids.pairs.emplace(pair, no_id).first;
    }
    count(found->second, {MetricFamily::cpu_pairs, c, r.client_cpu, r.server_cpu});
  }
}

void MetricTimeline::set_losses(const Losses& losses) {
  if (point_ == nullptr) choose_point(last_ns_);
  for (uint32_t i = 0; i < FT_LOSSES; ++i) {
    uint32_t id = no_id;
    count(id, {MetricFamily::lost, 0, i}, losses.lost[i] - losses_.lost[i]);
  }
  losses_ = losses;
}

uint64_t MetricTimeline::count(size_t i, uint32_t id) const {
  const auto& counts = points_[i].counts;
  return id < counts.size() ? counts[id] : 0;
}

const MetricBuckets* MetricTimeline::buckets(size_t i, uint32_t id) const {
  const auto& buckets = points_[i].buckets;
  return id < buckets.size() ? buckets[id].get() : nullptr;
}

}  // namespace fusetrace
