// SPDX-License-Identifier: Apache-2.0
// What the metrics count and how they are written; check_openmetrics.py holds
// whole exports against Prometheus.
#include <gtest/gtest.h>

#include <numeric>
#include <string>

#include "model/histogram.h"
#include "support/requests.h"
#include "support/workload.h"
#include "views/export/export.h"
#include "views/metrics/metric_timeline.h"

namespace fusetrace {
namespace {

using test::make_request;

uint64_t sum_of(const MetricTimeline& timeline, const SeriesKey& key) {
  uint64_t sum = 0;
  const uint32_t id = timeline.series().at(key);
  for (size_t i = 0; i < timeline.points(); ++i) sum += timeline.count(i, id);
  return sum;
}

std::string exported(const CaptureInfo& info, const std::vector<ft_request>& requests) {
  const std::unordered_map<uint32_t, ft_task> tasks;
  const Losses losses;
  const ExportContext context{info, tasks, losses};
  const auto view = make_openmetrics_export();
  std::string out;
  view->begin(context, out);
  view->add(requests, context, out);
  while (view->end(context, out)) {
  }
  return out;
}

TEST(MetricBounds, EndWhereBucketsOfTheHistogramEnd) {
  for (const uint64_t bound : metric_bounds_ns) {
    EXPECT_EQ(Histogram::bucket_end(Histogram::bucket(bound)), bound + 1);
    EXPECT_EQ(metric_bounds_ns[metric_bucket(bound)], bound);
    EXPECT_EQ(metric_bucket(bound + 1), metric_bucket(bound) + 1);
  }
  EXPECT_EQ(metric_bucket(0), 0u);
  EXPECT_EQ(metric_bucket(UINT64_MAX), metric_bound_count);
}

TEST(MetricTimeline, IntervalsGetLongerAndLoseNothing) {
  MetricTimeline timeline(1'000'000'000, 10'000'000, true);
  const Topology topology({{.id = 0, .core = 0}, {.id = 1, .core = 1}});
  constexpr uint64_t requests = 10'000;
  for (uint64_t i = 0; i < requests; ++i) {
    timeline.add(make_request({.connection = static_cast<uint32_t>(39 + i % 2),
                               .error = i % 5 == 0 ? -2 : 0,
                               .server_cpu = static_cast<uint16_t>(i % 4 == 0),
                               .queued_ns = 1'000'000'000 + i * 10'000'000}),
                 topology);
  }
  EXPECT_LE(timeline.points(), MetricTimeline::max_points);
  EXPECT_GT(timeline.points(), MetricTimeline::max_points / 2);
  EXPECT_EQ(timeline.interval_ns(), 80'000'000u);
  for (const uint32_t connection : {39u, 40u}) {
    EXPECT_EQ(sum_of(timeline, {MetricFamily::requests, connection, FUSE_GETATTR}), requests / 2);
    EXPECT_EQ(sum_of(timeline, {MetricFamily::errors, connection, FUSE_GETATTR}), requests / 10);
    MetricBuckets all;
    const uint32_t id = timeline.series().at(
        {MetricFamily::phase, connection, FUSE_GETATTR, static_cast<uint32_t>(Stage::service)});
    for (size_t i = 0; i < timeline.points(); ++i) {
      if (const MetricBuckets* some = timeline.buckets(i, id)) all.merge(*some);
    }
    EXPECT_EQ(std::accumulate(all.counts.begin(), all.counts.end(), uint64_t{0}), requests / 2);
    EXPECT_EQ(all.counts[metric_bucket(5000)], requests / 2);
    EXPECT_EQ(all.sum_ns, requests / 2 * 5000);
  }
  EXPECT_EQ(sum_of(timeline, {MetricFamily::cpu_pairs, 39, 0, 1}), requests / 4);
}

TEST(MetricTimeline, ManySeriesMakeIntervalsLongerToo) {
  MetricTimeline timeline(1'000'000'000, 10'000'000, false);
  const Topology topology({{.id = 0, .core = 0}});
  uint64_t requests = 0;
  for (uint64_t i = 0; i < 400; ++i) {
    for (uint32_t connection = 0; connection < 200; ++connection, ++requests) {
      timeline.add(
          make_request({.connection = connection, .queued_ns = 1'000'000'000 + i * 10'000'000}),
          topology);
    }
  }
  EXPECT_GT(timeline.interval_ns(), 10'000'000u);
  uint64_t sum = 0;
  for (uint32_t connection = 0; connection < 200; ++connection) {
    sum += sum_of(timeline, {MetricFamily::requests, connection, FUSE_GETATTR});
  }
  EXPECT_EQ(sum, requests);
}

TEST(OpenMetrics, LabelsAreEscaped) {
  CaptureInfo info = test::Workload().info();
  info.connections[39].mount = "/mnt/\"a\\b\"\n\xff";
  const std::string text = exported(info, {make_request({.queued_ns = info.start_ns})});
  EXPECT_NE(text.find("mount=\"/mnt/\\\"a\\\\b\\\"\\\\n\\\\xff\""), std::string::npos) << text;
}

TEST(OpenMetrics, ARecordingWithoutRequestsIsWhole) {
  CaptureInfo info = test::Workload().info();
  info.end_ns = info.start_ns + 1'000'000'000;
  const std::string text = exported(info, {});
  EXPECT_NE(text.find("fusetrace_lost_total{"), std::string::npos);
  EXPECT_TRUE(text.ends_with("# EOF\n"));
}

TEST(OpenMetrics, TheFirstSampleIsZeroAtTheStart) {
  CaptureInfo info = test::Workload().info();
  info.realtime_offset_ns = 0;
  info.start_ns = 5'000'000'000;
  info.end_ns = 6'500'000'000;
  const std::string text =
      exported(info, std::vector(3, make_request({.queued_ns = 5'900'000'000})));
  const size_t at = text.find("fusetrace_requests_total{");
  ASSERT_NE(at, std::string::npos);
  const std::string lines = text.substr(at, text.find("# TYPE", at) - at);
  EXPECT_NE(lines.find("} 0 5.001\n"), std::string::npos) << lines;
  EXPECT_NE(lines.find("} 3 6.001\n"), std::string::npos) << lines;
}

}  // namespace
}  // namespace fusetrace
