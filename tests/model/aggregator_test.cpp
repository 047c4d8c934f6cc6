// SPDX-License-Identifier: Apache-2.0
// Sums of requests, and that no count is made twice or forgotten.
#include "model/aggregator.h"

#include <gtest/gtest.h>

#include <vector>

#include "support/requests.h"

namespace fusetrace {
namespace {

using test::make_request;

CaptureInfo two_cpus() {
  CaptureInfo info;
  info.topology = Topology({{.id = 0, .core = 0}, {.id = 1, .core = 1}});
  info.start_ns = 1'000'000'000;
  return info;
}

Snapshot sum_of(const std::vector<ft_request>& requests, const CaptureInfo& info = two_cpus()) {
  Aggregator aggregator(info);
  aggregator.add(requests);
  return aggregator.snapshot();
}

TEST(Aggregator, SplitsByConnectionAndOpcode) {
  const Snapshot s = sum_of({make_request({.connection = 39, .opcode = FUSE_GETATTR}),
                             make_request({.connection = 39, .opcode = FUSE_READ}),
                             make_request({.connection = 40, .opcode = FUSE_READ, .error = -5}),
                             make_request({.connection = 40, .opcode = CUSE_INIT})});
  EXPECT_EQ(s.cells.size(), 4u);
  EXPECT_EQ(s.cells.at({39, FUSE_GETATTR}).requests, 1u);
  EXPECT_EQ(s.total().requests, 4u);
  EXPECT_EQ(s.total().errors, 1u);
  EXPECT_EQ(s.total_of_connection(40).requests, 2u);
  EXPECT_EQ(s.total_of_opcode(FUSE_READ).requests, 2u);
}

TEST(Aggregator, CountsHopsByDistanceAndPairs) {
  const Snapshot s = sum_of({make_request({.client_cpu = 0, .server_cpu = 0}),
                             make_request({.client_cpu = 0, .server_cpu = 1}),
                             make_request({.client_cpu = 0, .server_cpu = 1})});
  const Cell total = s.total();
  EXPECT_EQ(total.hops[0][static_cast<size_t>(Distance::same_cpu)], 1u);
  EXPECT_EQ(total.hops[0][static_cast<size_t>(Distance::same_llc)], 2u);
  EXPECT_NEAR(total.same_cpu_ratio(Hop::request), 1.0 / 3, 1e-9);
  EXPECT_EQ(total.same_llc_ratio(Hop::request), 1);
  const CpuMatrix matrix = s.all_connections().matrix[0];
  EXPECT_EQ(matrix.at(0, 0), 1u);
  EXPECT_EQ(matrix.at(0, 1), 2u);
  EXPECT_EQ(matrix.at(1, 0), 0u);
}

TEST(Aggregator, AnUnknownCpuIsCountedAsUnknownAndKeptOutOfTheRatio) {
  const Snapshot s = sum_of({make_request({.client_cpu = 0, .server_cpu = 0}),
                             make_request({.client_cpu = 0, .server_cpu = FT_CPU_UNKNOWN})});
  const Cell total = s.total();
  EXPECT_EQ(total.hops[0][static_cast<size_t>(Distance::unknown)], 1u);
  EXPECT_EQ(total.hop_known(Hop::request), 1u);
  EXPECT_EQ(total.same_cpu_ratio(Hop::request), 1);
}

TEST(Aggregator, OnlyRequestsForWhichAServerWasWokenHaveAServerWakeup) {
  const Snapshot s = sum_of({make_request({.pickup = FT_PICKUP_WOKEN}),
                             make_request({.pickup = FT_PICKUP_POACHED}),
                             make_request({.pickup = FT_PICKUP_BUSY})});
  const Cell total = s.total();
  EXPECT_EQ(total.wakeups[0].total(), 2u);
  EXPECT_EQ(total.wakeups[1].total(), 3u);
  EXPECT_EQ(total.pickups[FT_PICKUP_WOKEN], 1u);
  EXPECT_EQ(total.pickups[FT_PICKUP_BUSY], 1u);
  EXPECT_EQ(total.pickups[FT_PICKUP_POACHED], 1u);
}

TEST(Aggregator, SplitsWakeupsByPlacementIdlenessAndHint) {
  const Snapshot s =
      sum_of({make_request({.server_cpu = 1,
                            .server_prev_cpu = 1,
                            .server_target_cpu = 0,
                            .server_waker_cpu = 0,
                            .flags = FT_F_SERVER_TARGET_IDLE_KNOWN | FT_F_SERVER_WAKE_FLAGS_KNOWN |
                                     FT_F_SERVER_WAKE_SYNC})});
  const Cell total = s.total();
  const Wakeups& wakeups = total.wakeups[0];
  EXPECT_EQ(wakeups.placed(Placement::pulled), 1u);
  EXPECT_EQ(wakeups.placed(Placement::pulled, TargetIdle::busy), 1u);
  EXPECT_EQ(wakeups.placed(Placement::pulled, WakeHint::sync), 1u);
  EXPECT_EQ(s.total().migrations[static_cast<size_t>(Migration::server_wakeup)], 1u);
}

TEST(Aggregator, CountsShardsWhereTheyAreKnown) {
  auto own = make_request({.connection = 39, .queue_ns = 4000});
  own.flags |= FT_F_SHARD_KNOWN;
  auto stolen = make_request({.connection = 39, .queue_ns = 9000});
  stolen.flags |= FT_F_SHARD_KNOWN | FT_F_STOLEN;
  stolen.shard = 3;
  const auto unknown = make_request({.connection = 40});
  const Snapshot s = sum_of({own, own, stolen, unknown});
  const auto& shards = s.connections.at(39).shards;
  ASSERT_EQ(shards.size(), 2u);
  EXPECT_EQ(shards.at(0).requests, 2u);
  EXPECT_EQ(shards.at(0).stolen, 0u);
  EXPECT_EQ(shards.at(3).requests, 1u);
  EXPECT_EQ(shards.at(3).stolen, 1u);
  EXPECT_EQ(shards.at(3).age.max(), 9000u);
  EXPECT_TRUE(s.connections.at(40).shards.empty());
  EXPECT_EQ(s.all_connections().shards.at(0).requests, 2u);
}

TEST(Aggregator, LatencyByDistanceHoldsEveryTimedRequestOnce) {
  std::vector<ft_request> requests;
  for (uint16_t i = 0; i < 100; ++i) {
    requests.push_back(make_request({.client_cpu = 0, .server_cpu = static_cast<uint16_t>(i % 2)}));
  }
  const ConnectionTotals all = sum_of(requests).all_connections();
  EXPECT_EQ(all.latency[0][0].count(), 50u);
  EXPECT_EQ(all.latency[0][static_cast<size_t>(Distance::same_llc)].count(), 50u);
}

TEST(Aggregator, ThreadsAreCountedAsWhatTheyWere) {
  const Snapshot s = sum_of({make_request({.client_tid = 7, .server_tid = 9}),
                             make_request({.client_tid = 7, .server_tid = 263}),
                             make_request({.client_tid = 263, .server_tid = 9})});
  EXPECT_EQ(s.clients.at(7).requests, 2u);
  EXPECT_EQ(s.clients.at(263).requests, 1u);
  EXPECT_EQ(s.servers.at(9).requests, 2u);
  EXPECT_EQ(s.servers.at(263).requests, 1u);
}

TEST(Aggregator, ThreadsBeyondTheBoundAreCountedByName) {
  // A server that makes a thread for each request.
  CaptureInfo info;
  Aggregator aggregator(info);
  std::vector<ft_request> requests;
  std::vector<ft_task> tasks;
  constexpr auto threads = static_cast<uint32_t>(Aggregator::max_threads) * 2;
  for (uint32_t i = 0; i < threads; ++i) {
    requests.push_back(make_request({.server_tid = 10000 + i}));
    tasks.push_back(test::make_task(10000 + i, 10000, "pass"));
  }
  aggregator.add_tasks(tasks);
  aggregator.add(requests);
  const Snapshot snapshot = aggregator.snapshot();
  EXPECT_EQ(snapshot.servers.size(), Aggregator::max_threads);
  EXPECT_FALSE(snapshot.servers.contains(0));
  EXPECT_EQ(snapshot.more_servers.at("pass").requests, threads - Aggregator::max_threads);

  const auto groups = snapshot.thread_groups(Side::server);
  ASSERT_EQ(groups.size(), 1u);
  EXPECT_EQ(groups[0].name, "pass");
  EXPECT_EQ(groups[0].tgid, 10000u);
  EXPECT_EQ(groups[0].totals.requests, threads);
  EXPECT_GE(groups[0].threads, Aggregator::max_threads);
  EXPECT_EQ(groups[0].tid, 0u) << "there are several";
}

TEST(Aggregator, ThreadsOfOneNameAreOneGroupOfEachProcess) {
  CaptureInfo info;
  Aggregator aggregator(info);
  const std::vector<ft_task> tasks = {test::make_task(11, 10, "worker"),
                                      test::make_task(12, 10, "worker"),
                                      test::make_task(21, 20, "worker")};
  aggregator.add_tasks(tasks);
  const std::vector<ft_request> requests = {
      make_request({.server_tid = 11}), make_request({.server_tid = 12}),
      make_request({.server_tid = 12}), make_request({.server_tid = 21}),
      make_request({.server_tid = 31})};
  aggregator.add(requests);
  const auto groups = aggregator.snapshot().thread_groups(Side::server);
  ASSERT_EQ(groups.size(), 3u);
  EXPECT_EQ(groups[0].tgid, 10u);
  EXPECT_EQ(groups[0].threads, 2u);
  EXPECT_EQ(groups[0].totals.requests, 3u);
  EXPECT_EQ(groups[1].tid + groups[2].tid, 21u + 31u);
}

TEST(Aggregator, WhereAWokenServerSleptWasPutAndTheRequestPickedUp) {
  const Snapshot s = sum_of({make_request({.pickup = FT_PICKUP_POACHED,
                                           .server_cpu = 1,
                                           .server_prev_cpu = 1,
                                           .server_target_cpu = 0}),
                             make_request({.pickup = FT_PICKUP_BUSY, .server_cpu = 1})});
  const ConnectionTotals all = s.all_connections();
  EXPECT_EQ(all.placed[0].at(1, 0), 1u);
  EXPECT_EQ(all.picked.at(0, 1), 1u);
  EXPECT_EQ(all.picked.at(1, 1), 0u);
}

TEST(Aggregator, ACpuThatNoMachineHasTakesNoMemory) {
  const Snapshot s = sum_of({make_request({.client_cpu = 65000, .server_cpu = 65001})});
  EXPECT_EQ(s.total().requests, 1u);
  EXPECT_EQ(s.all_connections().matrix[0].size(), 0u);
}

TEST(Aggregator, IntervalsFollowTheEndOfRequests) {
  const Snapshot s = sum_of({make_request({.queued_ns = 1'000'000'000}),
                             make_request({.queued_ns = 1'500'000'000}),
                             make_request({.queued_ns = 3'000'000'000})});
  ASSERT_EQ(s.intervals.size(), 129u);
  EXPECT_EQ(s.interval_ns, 1'000'000'000u / 64);
  EXPECT_EQ(s.intervals[0].requests, 1u);
  EXPECT_EQ(s.intervals[32].requests, 1u);
  EXPECT_EQ(s.intervals[128].requests, 1u);
}

TEST(Timeline, IsOfWholeSecondsWhereThereAreEnough) {
  std::vector<ft_request> requests;
  for (uint64_t i = 0; i < 600; ++i) {
    requests.push_back(make_request({.queued_ns = 1'000'000'000 + i * 500'000'000}));
  }
  CaptureInfo info = two_cpus();
  info.end_ns = info.start_ns + 300'250'000'000;
  const Timeline time = sum_of(requests, info).timeline();
  EXPECT_EQ(time.interval_ns, 1'000'000'000u);
  ASSERT_EQ(time.intervals.size(), 300u);
  for (const Interval& interval : time.intervals) EXPECT_EQ(interval.requests, 2u);
}

TEST(Timeline, TheLastIntervalIsAsLongAsWhatWasCaptured) {
  CaptureInfo info = two_cpus();
  info.end_ns = info.start_ns + 2'250'000'000;
  const Snapshot s = sum_of({make_request({.queued_ns = info.start_ns + 2'100'000'000})}, info);
  const Timeline time = s.timeline(1'000'000'000);
  ASSERT_EQ(time.seconds.size(), 3u);
  EXPECT_NEAR(time.seconds[1], 1, 1e-9);
  EXPECT_NEAR(time.seconds[2], 0.25, 1e-9);
}

TEST(Timeline, AShortCaptureIsShownInFinerSteps) {
  std::vector<ft_request> requests;
  for (uint64_t i = 0; i < 100; ++i) {
    requests.push_back(make_request({.queued_ns = 1'000'000'000 + i * 10'000'000}));
  }
  const Timeline time = sum_of(requests).timeline();
  EXPECT_EQ(time.interval_ns, 1'000'000'000u / 64);
  EXPECT_GT(time.intervals.size(), 60u);
  uint64_t sum = 0;
  for (const Interval& interval : time.intervals) sum += interval.requests;
  EXPECT_EQ(sum, 100u);
  EXPECT_TRUE(Snapshot().timeline().intervals.empty());
}

TEST(Aggregator, ALongCaptureGetsLongerIntervalsAndLosesNoRequest) {
  Aggregator aggregator(two_cpus());
  constexpr uint64_t seconds = 3 * Aggregator::max_intervals + 5;
  for (uint64_t i = 0; i < seconds; ++i) {
    const ft_request r = make_request({.queued_ns = 1'000'000'000 * (i + 1)});
    aggregator.add({&r, 1});
  }
  const Snapshot s = aggregator.snapshot();
  EXPECT_LE(s.intervals.size(), Aggregator::max_intervals);
  EXPECT_EQ(s.interval_ns, 4'000'000'000u);  // six doublings more than a second's
  uint64_t sum = 0;
  for (const Interval& interval : s.intervals) sum += interval.requests;
  EXPECT_EQ(sum, seconds);
  EXPECT_EQ(s.intervals[0].requests, 4u);
}

TEST(Aggregator, AClockThatGoesBackwardsIsALoss) {
  ft_request r = make_request();
  r.replied_ns = r.picked_up_ns - 1;
  EXPECT_GE(sum_of({r}).losses.lost[FT_LOSS_CLOCK_BACKWARDS], 1u);
}

TEST(Aggregator, SecondsEndWithTheLastRequestOfACutOffCapture) {
  EXPECT_NEAR(sum_of({make_request({.queued_ns = 3'000'000'000})}).seconds, 2, 0.001);
  CaptureInfo ended = two_cpus();
  ended.end_ns = 6'000'000'000;
  EXPECT_NEAR(sum_of({make_request()}, ended).seconds, 5, 1e-9);
}

}  // namespace
}  // namespace fusetrace
