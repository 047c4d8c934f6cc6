// SPDX-License-Identifier: Apache-2.0
// A sentence appears when its figures support it, and only then.
#include "views/report/findings.h"

#include <gtest/gtest.h>

#include "model/aggregator.h"
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

// The first finding of a capture of these requests, and all kinds that it has.
struct Drawn {
  std::vector<Finding> all;
  std::string first() const { return all.empty() ? "" : all.front().kind; }
  bool has(const std::string& kind) const {
    for (const Finding& finding : all) {
      if (finding.kind == kind) return true;
    }
    return false;
  }
  std::string text() const {
    std::string out;
    for (const Finding& finding : all) out += finding.kind + ": " + finding.text + "\n";
    return out;
  }
};

Drawn draw(const std::vector<ft_request>& requests, const CaptureInfo& info = two_cpus()) {
  Aggregator aggregator(info);
  aggregator.add(requests);
  return {draw_findings(aggregator.snapshot())};
}

void expect_no_cause(const Drawn& drawn) {
  for (const Finding& finding : drawn.all) EXPECT_EQ(finding.weight_ns, 0) << drawn.text();
}

// Requests of which three of four are served elsewhere, where the way takes so long.
std::vector<ft_request> apart(uint64_t far_way_ns, int count = 1000, uint32_t connection = 39) {
  std::vector<ft_request> requests;
  for (int i = 0; i < count; ++i) {
    const bool far = i % 4 != 0;
    requests.push_back(make_request({.connection = connection,
                                     .client_cpu = 0,
                                     .server_cpu = static_cast<uint16_t>(far ? 1 : 0),
                                     .queue_ns = far ? far_way_ns : 3000,
                                     .wakeup_ns = far ? far_way_ns - 1000 : 2000,
                                     .service_ns = 5000,
                                     .return_ns = far ? far_way_ns : 4000}));
  }
  return requests;
}

TEST(Findings, TrueDistanceComesFirstAndNamesWhatItIsNot) {
  const Drawn drawn = draw(apart(30'000));
  EXPECT_EQ(drawn.first(), "distance") << drawn.text();
  EXPECT_NE(drawn.text().find("75.0 % of the requests for which a server was woken were served on "
                              "another CPU than the client's; those took 5.4 times as long"),
            std::string::npos)
      << drawn.text();
  EXPECT_NE(drawn.text().find("Ruled out by their share of the time: busy server threads 0 %"),
            std::string::npos)
      << drawn.text();
}

TEST(Findings, ADistanceThatCostsNothingIsSaidSo) {
  const Drawn drawn = draw(apart(3050));
  EXPECT_FALSE(drawn.has("distance")) << drawn.text();
  EXPECT_NE(drawn.text().find("difference: "), std::string::npos) << drawn.text();
}

TEST(Findings, TooFewRequestsSayNothing) { EXPECT_EQ(draw(apart(30'000, 100)).text(), ""); }

TEST(Findings, AServerThatIsSlowerElsewhereIsNotTheWay) {
  std::vector<ft_request> requests;
  for (int i = 0; i < 1000; ++i) {
    const bool far = i % 2 != 0;
    requests.push_back(make_request(
        {.server_cpu = static_cast<uint16_t>(far ? 1 : 0), .service_ns = far ? 65'000u : 5000u}));
  }
  const Drawn drawn = draw(requests);
  EXPECT_FALSE(drawn.has("distance")) << drawn.text();
  EXPECT_TRUE(drawn.has("server_work_by_cpu")) << drawn.text();
}

// One thread that serves one request after the other, while many wait: the way is short, and yet
// most of the time is spent before the server.
TEST(Findings, OneBusyServerThread) {
  std::vector<ft_request> requests;
  for (uint64_t i = 0; i < 2000; ++i) {
    const uint64_t served_at = 1'000'000'000 + i * 50'000;
    requests.push_back(make_request({.pickup = FT_PICKUP_BUSY,
                                     .client_tid = static_cast<uint32_t>(1001 + i % 16),
                                     .client_cpu = static_cast<uint16_t>(i % 2),
                                     .server_cpu = 1,
                                     .queued_ns = served_at - 600'000,
                                     .queue_ns = 600'000,
                                     .service_ns = 48'000}));
  }
  const Drawn drawn = draw(requests);
  EXPECT_EQ(drawn.first(), "server_busy") << drawn.text();
  EXPECT_NE(drawn.text().find("One thread served, busy 95 % of the time."), std::string::npos)
      << drawn.text();
  EXPECT_FALSE(drawn.has("distance") || drawn.has("handover")) << drawn.text();
}

// The same waiting where the thread hardly served: a CPU that others use took the time, and more
// server threads would be of no use.
TEST(Findings, AServerThatIsAwakeAndServesNothingIsNotBusy) {
  std::vector<ft_request> requests;
  for (uint64_t i = 0; i < 2000; ++i) {
    requests.push_back(make_request({.pickup = FT_PICKUP_BUSY,
                                     .client_cpu = static_cast<uint16_t>(i % 2),
                                     .server_cpu = 1,
                                     .queued_ns = 1'000'000'000 + i * 400'000,
                                     .queue_ns = 800'000,
                                     .service_ns = 2'000}));
  }
  const Drawn drawn = draw(requests);
  EXPECT_EQ(drawn.first(), "server_awake") << drawn.text();
  EXPECT_FALSE(drawn.has("server_busy") || drawn.has("distance")) << drawn.text();
}

// Four clients on a CPU that other threads use: woken at once, they run when a slice ends.
TEST(Findings, ClientsThatWaitForACpu) {
  std::vector<ft_request> requests;
  for (uint64_t i = 0; i < 1000; ++i) {
    const bool far = i % 2 != 0;
    ft_request r = make_request({.client_cpu = 0,
                                 .server_cpu = static_cast<uint16_t>(far ? 1 : 0),
                                 .flags = FT_F_CLIENT_TARGET_IDLE_KNOWN,
                                 .queued_ns = 1'000'000'000 + i * 1'000'000,
                                 .return_ns = far ? 3'000'000u : 8000u});
    r.client_waking_ns = r.replied_ns + 2000;
    requests.push_back(r);
  }
  const Drawn drawn = draw(requests);
  EXPECT_EQ(drawn.first(), "client_cpu_wait") << drawn.text();
  EXPECT_NE(drawn.text().find("500 of 1000 wakeups"), std::string::npos) << drawn.text();
  EXPECT_NE(drawn.text().find("until the client was woken and 99.9 % until it ran"),
            std::string::npos)
      << drawn.text();
  EXPECT_FALSE(drawn.has("distance") || drawn.has("handover")) << drawn.text();
}

// A server under a CPU quota: woken on an idle CPU, it runs when the next period begins.
TEST(Findings, AThrottledServer) {
  std::vector<ft_request> requests;
  for (uint64_t i = 0; i < 1000; ++i) {
    const bool held = i % 10 == 0;
    const bool far = i % 3 != 0;
    requests.push_back(
        make_request({.client_cpu = 0,
                      .server_cpu = static_cast<uint16_t>(far ? 1 : 0),
                      .flags = FT_F_SERVER_TARGET_IDLE_KNOWN | FT_F_SERVER_TARGET_IDLE,
                      .queued_ns = 1'000'000'000 + i * 100'000'000,
                      .queue_ns = held ? 60'001'000u : 3000u,
                      .wakeup_ns = held ? 60'000'000u : 2000u}));
  }
  const Drawn drawn = draw(requests);
  EXPECT_EQ(drawn.first(), "server_stalled") << drawn.text();
  EXPECT_NE(drawn.text().find("100 of 1000 wakeups, 60.0 ms each"), std::string::npos)
      << drawn.text();
  EXPECT_FALSE(drawn.has("distance") || drawn.has("handover") || drawn.has("server_cpu_wait"))
      << drawn.text();
}

TEST(Findings, ServersThatWaitForABusyCpuAreNotThrottled) {
  std::vector<ft_request> requests(1000, make_request({.flags = FT_F_SERVER_TARGET_IDLE_KNOWN,
                                                       .queue_ns = 4'001'000,
                                                       .wakeup_ns = 4'000'000}));
  const Drawn drawn = draw(requests);
  EXPECT_EQ(drawn.first(), "server_cpu_wait") << drawn.text();
  EXPECT_FALSE(drawn.has("server_stalled")) << drawn.text();
}

// A near mount of cheap requests and a far one of dear ones: pooled, distance would seem to cost
// ten times as much; so would opcodes of one mount.
TEST(Findings, MountsAndOpcodesAreNotPooled) {
  for (const bool mounts : {true, false}) {
    std::vector<ft_request> requests;
    for (uint64_t i = 0; i < 2000; ++i) {
      const bool other = i % 2 != 0;
      requests.push_back(make_request({.connection = mounts && other ? 40u : 39u,
                                       .opcode = !mounts && other ? FUSE_READ : FUSE_GETATTR,
                                       .client_cpu = 0,
                                       .server_cpu = static_cast<uint16_t>(other ? 1 : 0),
                                       .queued_ns = 1'000'000'000 + i * 200'000,
                                       .queue_ns = other ? 30'000u : 3000u,
                                       .return_ns = other ? 30'000u : 3000u}));
    }
    const Drawn drawn = draw(requests);
    EXPECT_FALSE(drawn.has("distance")) << drawn.text();
    for (const Finding& finding : drawn.all) EXPECT_TRUE(finding.connection && finding.opcode);
  }
}

TEST(Findings, ConnectionAndOpcodeAreNamed) {
  CaptureInfo info = two_cpus();
  info.connections[39] = {.id = 39, .mount = "/mnt/a"};
  info.connections[40] = {.id = 40, .mount = "/mnt/b"};
  std::vector<ft_request> requests = apart(30'000);
  for (const ft_request& r : apart(3000, 1000, 40)) requests.push_back(r);
  Aggregator aggregator(info);
  aggregator.add(requests);
  const auto sentences = findings(aggregator.snapshot());
  ASSERT_FALSE(sentences.empty());
  EXPECT_TRUE(sentences.front().starts_with("39 /mnt/a, GETATTR: 75.0 % of the requests"))
      << sentences.front();
}

std::vector<ft_request> swinging(uint64_t seconds, bool mixed_opcodes) {
  std::vector<ft_request> requests;
  for (uint64_t second = 0; second < seconds; ++second) {
    const bool near = second % 2 == 0;
    const uint64_t n = near ? 1000 : 200;
    for (uint64_t i = 0; i < n; ++i) {
      requests.push_back(
          make_request({.opcode = mixed_opcodes && near ? FUSE_READ : FUSE_GETATTR,
                        .server_cpu = static_cast<uint16_t>(near ? 0 : 1),
                        .queued_ns = (second + 1) * 1'000'000'000 + i * 1'000'000'000 / n}));
    }
  }
  return requests;
}

TEST(Findings, ASwingOfTheRateIsTiedToPlacement) {
  const Drawn drawn = draw(swinging(20, false));
  EXPECT_NE(drawn.text().find("The rate swung between 200 and 1000 requests/s"), std::string::npos)
      << drawn.text();
}

TEST(Findings, AFewIntervalsAreNoCorrelation) {
  EXPECT_FALSE(draw(swinging(7, false)).has("swing"));
  EXPECT_FALSE(draw(swinging(12, false)).has("swing"));
}

TEST(Findings, AMixtureThatChangesIsNoSwing) {
  EXPECT_FALSE(draw(swinging(20, true)).has("swing"));
}

TEST(Findings, NothingIsSaidOfPoachingThatIsRare) {
  EXPECT_FALSE(draw(apart(30'000)).has("poaching"));
  auto requests = apart(30'000);
  for (size_t i = 0; i < 200; ++i) requests[i] = make_request({.pickup = FT_PICKUP_POACHED});
  EXPECT_NE(draw(requests).text().find("For 20.0 % of requests one server was woken and another"),
            std::string::npos);
}

TEST(Findings, WakeupsThatTakeRequestsElsewhere) {
  std::vector<ft_request> requests;
  for (int i = 0; i < 1000; ++i) {
    const bool woken = i % 2 == 0;
    const bool far = woken && i % 8 != 0;
    requests.push_back(make_request({.pickup = woken ? FT_PICKUP_WOKEN : FT_PICKUP_BUSY,
                                     .server_cpu = static_cast<uint16_t>(far ? 1 : 0)}));
  }
  EXPECT_NE(draw(requests).text().find(
                "taken by the server woken for them, 25.0 % were served on their client's CPU; of "
                "those that a running server took, 100.0 %"),
            std::string::npos)
      << draw(requests).text();
  for (ft_request& r : requests) r.pickup = FT_PICKUP_BUSY;
  EXPECT_FALSE(draw(requests).has("pickup_distance"));
}

TEST(Findings, SyncWakeupsThatWereSeen) {
  std::vector<ft_request> requests(
      300, make_request({.flags = FT_F_SERVER_WAKE_FLAGS_KNOWN | FT_F_SERVER_WAKE_SYNC}));
  EXPECT_NE(draw(requests).text().find("Of 300 sync wakeups of servers, 100.0 % left the thread"),
            std::string::npos);
}

// Running totals know where the time passed, not why: no cause is named.
TEST(Findings, RunningTotalsNameNoCause) {
  Aggregator aggregator(two_cpus());
  aggregator.add(apart(30'000));
  Snapshot snapshot = aggregator.snapshot();
  snapshot.evidence.clear();
  const Drawn drawn{draw_findings(snapshot)};
  expect_no_cause(drawn);
  EXPECT_TRUE(drawn.has("stages")) << drawn.text();
}

}  // namespace
}  // namespace fusetrace
