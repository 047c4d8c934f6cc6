// SPDX-License-Identifier: Apache-2.0
// Counts what the metrics of `fusetrace serve` would have counted while a recording was made,
// interval by interval. Intervals get longer where the memory would grow beyond a bound.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <map>
#include <memory>
#include <unordered_map>
#include <vector>

#include "model/capture_info.h"
#include "model/count_request.h"
#include "model/told_apart.h"
#include "views/metrics/metric_bounds.h"

namespace fusetrace {

// The families of metrics that are counted by request, in the order in which they are written.
// The comments say what a and b of a SeriesKey mean.
enum class MetricFamily : uint8_t {
  requests,     // opcode
  errors,       // opcode
  hops,         // Hop, Distance
  pickups,      // ft_pickup
  wakeups,      // Side, Placement
  migrations,   // Migration
  cpu_pairs,    // client's CPU, server's CPU
  lost,         // ft_loss; no connection
  phase,        // histogram: opcode, Stage
  hop_latency,  // histogram: Hop, Distance
};

struct SeriesKey {
  MetricFamily family{};
  uint32_t connection = 0;
  uint32_t a = 0;
  uint32_t b = 0;
  auto operator<=>(const SeriesKey&) const = default;

  bool is_histogram() const { return family >= MetricFamily::phase; }
};

struct MetricBuckets {
  std::array<uint64_t, metric_bound_count + 1> counts = {};  // the last one: beyond all bounds
  uint64_t sum_ns = 0;

  void merge(const MetricBuckets& other);
};

class MetricTimeline {
 public:
  // Beyond this many points, or this much memory, intervals become twice as long.
  static constexpr size_t max_points = 2048;
  static constexpr size_t max_values = 8u << 20;  // 8 bytes each

  // start_ns: CLOCK_MONOTONIC; 0: that of the first request.
  MetricTimeline(uint64_t start_ns, uint64_t interval_ns, bool cpu_pairs);
  ~MetricTimeline();
  MetricTimeline(const MetricTimeline&) = delete;
  MetricTimeline& operator=(const MetricTimeline&) = delete;

  void add(const ft_request& request, const Topology& topology);
  // Sets what was lost since the start.
  void set_losses(const Losses& losses);

  // Makes intervals twice as long. There is more than one point.
  void halve();

  uint64_t interval_ns() const { return interval_ns_; }
  uint64_t start_ns() const { return start_ns_; }
  uint64_t last_ns() const { return last_ns_; }
  size_t points() const { return points_.size(); }
  // All series that were counted; the index is their id.
  const std::map<SeriesKey, uint32_t>& series() const { return ids_; }
  // What point i added to a series: 0 or null where it added nothing.
  uint64_t count(size_t i, uint32_t id) const;
  const MetricBuckets* buckets(size_t i, uint32_t id) const;

 private:
  struct Point {
    std::vector<uint64_t> counts;                         // by id
    std::vector<std::unique_ptr<MetricBuckets>> buckets;  // by id
  };
  // The ids of the series that a request of this kind counts in, looked up once.
  struct CellIds;
  struct ConnectionIds;

  uint32_t id_of(const SeriesKey& key);
  // The id is looked up at the first use.
  void count(uint32_t& id, const SeriesKey& key, uint64_t n = 1);
  void observe(uint32_t& id, const SeriesKey& key, uint64_t ns);
  void choose_point(uint64_t ns);
  ConnectionIds& connection(uint32_t number);

  uint64_t start_ns_;
  uint64_t interval_ns_;
  uint64_t last_ns_ = 0;
  bool cpu_pairs_;
  size_t pairs_ = 0;
  ToldApart told_apart_;
  Losses losses_;
  std::vector<Point> points_;
  Point* point_ = nullptr;
  size_t values_ = 0;
  std::map<SeriesKey, uint32_t> ids_;
  uint32_t count_ids_ = 0;
  uint32_t bucket_ids_ = 0;
  std::unordered_map<uint32_t, std::unique_ptr<ConnectionIds>> connections_;
  ConnectionIds* last_connection_ = nullptr;
};

}  // namespace fusetrace
