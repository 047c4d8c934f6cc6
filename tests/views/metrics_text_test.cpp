// SPDX-License-Identifier: Apache-2.0
// The metrics of serve: counts, bounds on their number, and names that are no
// UTF-8.
#include "views/metrics/metrics_text.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "model/aggregator.h"
#include "support/requests.h"

namespace fusetrace {
namespace {

// So many connections with so many opcodes each, one request of each.
Snapshot snapshot_of(uint32_t connections, uint32_t opcodes) {
  Aggregator aggregator(CaptureInfo{});
  std::vector<ft_request> requests;
  for (uint32_t c = 0; c < connections; ++c) {
    for (uint32_t o = 0; o < opcodes; ++o) {
      requests.push_back(test::make_request(
          {.connection = 100 + c, .unique = 2 * (c * opcodes + o) + 2, .opcode = 1 + o}));
    }
  }
  aggregator.add(requests);
  return aggregator.snapshot();
}

size_t series_of(const std::string& text) {
  size_t series = 0;
  for (size_t at = 0; at < text.size(); at = text.find('\n', at) + 1) series += text[at] != '#';
  return series;
}

// The sum of a counter over its series whose labels have this in them.
double sum_of(const std::string& text, const std::string& name, const std::string& label = "") {
  double sum = 0;
  for (size_t at = 0; at < text.size();) {
    const size_t end = text.find('\n', at);
    const std::string line = text.substr(at, end - at);
    if (line.starts_with(name + "{") && line.find(label) != std::string::npos) {
      sum += std::stod(line.substr(line.rfind(' ')));
    }
    at = end + 1;
  }
  return sum;
}

TEST(MetricsText, CountsWhatTheSnapshotHas) {
  MetricsText metrics({});
  const std::string text = metrics.render(snapshot_of(2, 3), 1.5);
  EXPECT_EQ(sum_of(text, "fusetrace_requests_total"), 6);
  EXPECT_EQ(sum_of(text, "fusetrace_requests_total", "connection=\"101\""), 3);
  EXPECT_EQ(sum_of(text, "fusetrace_hops_total", "hop=\"request\",distance=\"same_cpu\""), 6);
  EXPECT_EQ(sum_of(text, "fusetrace_request_phase_seconds_count", "phase=\"total\""), 6);
  EXPECT_EQ(sum_of(text, "fusetrace_request_phase_seconds_bucket", "phase=\"total\",le=\"+Inf\""),
            6);
  EXPECT_NE(text.find("fusetrace_bpf_run_seconds_total 1.5"), std::string::npos);
  EXPECT_EQ(metrics.others(), 0u);
}

TEST(MetricsText, LeavesOutARunTimeThatNobodyCounted) {
  MetricsText metrics({});
  EXPECT_EQ(metrics.render(snapshot_of(1, 1), -1).find("bpf_run_seconds"), std::string::npos);
}

TEST(MetricsText, StaysWithinItsBoundAndLosesNothing) {
  MetricsOptions options;
  options.connections = 3;
  MetricsText metrics(options);
  const std::string text = metrics.render(snapshot_of(10, 20), 1);
  EXPECT_LE(series_of(text), most_series(options, 2));
  EXPECT_EQ(sum_of(text, "fusetrace_requests_total"), 200);
  EXPECT_EQ(sum_of(text, "fusetrace_requests_total", "connection=\"other\""), 140);
  EXPECT_EQ(metrics.others(), 7u);
  EXPECT_GT(sum_of(text, "fusetrace_requests_total", "opcode=\"other\""), 0);
}

TEST(MetricsText, TellsOfInputQueuesByShard) {
  Snapshot snapshot = snapshot_of(1, 1);
  Connection& connection = snapshot.info.connections[100];
  connection.queues = {{"0", 0, 0, 10, 10, 0}, {"1", 3, 2500000, 25, 22, 4}};
  MetricsOptions options;
  options.queues = true;
  const std::string text = MetricsText(options).render(snapshot, -1);
  EXPECT_EQ(sum_of(text, "fusetrace_queue_pending", "shard=\"1\""), 3);
  EXPECT_EQ(sum_of(text, "fusetrace_queue_oldest_seconds", "shard=\"1\""), 2.5);
  EXPECT_EQ(sum_of(text, "fusetrace_queue_taken_total"), 32);
  EXPECT_EQ(sum_of(text, "fusetrace_queue_stolen_total"), 4);
  EXPECT_LE(series_of(text), most_series(options, 2));
}

TEST(MetricsText, LabelsOnceGivenStay) {
  MetricsOptions options;
  options.connections = 1;
  MetricsText metrics(options);
  // 105 comes first; the one before it in order must not take its place.
  Snapshot only_last = snapshot_of(6, 1);
  std::erase_if(only_last.cells, [](const auto& cell) { return cell.first.first != 105; });
  std::erase_if(only_last.connections, [](const auto& one) { return one.first != 105; });
  metrics.render(only_last, -1);
  const std::string text = metrics.render(snapshot_of(6, 1), -1);
  EXPECT_EQ(sum_of(text, "fusetrace_requests_total", "connection=\"105\""), 1);
  EXPECT_EQ(sum_of(text, "fusetrace_requests_total", "connection=\"other\""), 5);
}

TEST(MetricsText, MakesUtf8OfAnyName) {
  Snapshot s = snapshot_of(1, 1);
  s.info.connections[100] = {.id = 100, .mount = "/mnt/\xff\"quoted\"\\", .fstype = "fuse.x"};
  const std::string text = MetricsText({}).render(s, -1);
  EXPECT_NE(text.find("mount=\"/mnt/\\\\xff\\\"quoted\\\"\\\\\""), std::string::npos);
}

TEST(MetricsText, AConnectionOnWhichRequestsOnlyWaitIsThere) {
  Snapshot s;
  s.info.connections[7] = {.id = 7, .mount = "/hung", .fstype = "fuse.x", .waiting = 2};
  s.info.connections[8] = {.id = 8, .mount = "/idle", .fstype = "fuse.x", .waiting = 0};
  const std::string text = MetricsText({}).render(s, -1);
  EXPECT_EQ(sum_of(text, "fusetrace_connection_waiting", "mount=\"/hung\""), 2);
  EXPECT_EQ(text.find("/idle"), std::string::npos) << "no labels are spent on it";
}

}  // namespace
}  // namespace fusetrace
