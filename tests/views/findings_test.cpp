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

std::string all_findings(const std::vector<ft_request>& requests) {
  Aggregator aggregator(two_cpus());
  aggregator.add(requests);
  std::string text;
  for (const std::string& sentence : findings(aggregator.snapshot())) text += sentence + "\n";
  return text;
}

std::vector<ft_request> mixed(uint64_t far_service_ns, int count = 1000) {
  std::vector<ft_request> requests;
  for (int i = 0; i < count; ++i) {
    const bool far = i % 4 != 0;
    requests.push_back(make_request({.client_cpu = 0,
                                     .server_cpu = static_cast<uint16_t>(far ? 1 : 0),
                                     .service_ns = far ? far_service_ns : 5000}));
  }
  return requests;
}

TEST(Findings, WhatDistanceCosts) {
  const std::string text = all_findings(mixed(65000));
  EXPECT_NE(
      text.find("75.0 % of requests were served on another CPU; those took 6.0 times as long"),
      std::string::npos)
      << text;
}

TEST(Findings, ADistanceThatCostsNothingIsSaidSo) {
  EXPECT_NE(all_findings(mixed(5100)).find("less than 10 %"), std::string::npos);
}

TEST(Findings, TooFewRequestsSayNothing) { EXPECT_EQ(all_findings(mixed(65000, 100)), ""); }

TEST(Findings, NothingIsSaidOfPoachingThatIsRare) {
  EXPECT_EQ(all_findings(mixed(65000)).find("woken and another one took"), std::string::npos);
  auto requests = mixed(65000);
  for (size_t i = 0; i < 200; ++i) requests[i] = make_request({.pickup = FT_PICKUP_POACHED});
  EXPECT_NE(all_findings(requests).find("For 20.0 % of requests one server was woken and another"),
            std::string::npos);
}

TEST(Findings, ASwingOfTheRateIsTiedToPlacement) {
  std::vector<ft_request> requests;
  for (uint64_t second = 0; second < 10; ++second) {
    const bool near = second % 2 == 0;
    const uint64_t n = near ? 1000 : 200;
    for (uint64_t i = 0; i < n; ++i) {
      requests.push_back(
          make_request({.server_cpu = static_cast<uint16_t>(near ? 0 : 1),
                        .queued_ns = (second + 1) * 1'000'000'000 + i * 1'000'000'000 / n}));
    }
  }
  EXPECT_NE(all_findings(requests).find("The rate swung between 200 and 1000 requests/s"),
            std::string::npos)
      << all_findings(requests);
}

TEST(Findings, WakeupsThatTakeRequestsElsewhere) {
  std::vector<ft_request> requests;
  for (int i = 0; i < 1000; ++i) {
    const bool woken = i % 2 == 0;
    const bool far = woken && i % 8 != 0;
    requests.push_back(make_request({.pickup = woken ? FT_PICKUP_WOKEN : FT_PICKUP_BUSY,
                                     .server_cpu = static_cast<uint16_t>(far ? 1 : 0)}));
  }
  EXPECT_NE(all_findings(requests).find("taken by the server woken for them, 25.0 % were served on "
                                        "their client's CPU; of those that a running server took, "
                                        "100.0 %"),
            std::string::npos)
      << all_findings(requests);
  for (ft_request& r : requests) r.pickup = FT_PICKUP_BUSY;
  EXPECT_EQ(all_findings(requests).find("taken by the server woken"), std::string::npos);
}

TEST(Findings, SyncWakeupsThatWereSeen) {
  std::vector<ft_request> requests(
      300, make_request({.flags = FT_F_SERVER_WAKE_FLAGS_KNOWN | FT_F_SERVER_WAKE_SYNC}));
  EXPECT_NE(all_findings(requests).find("Of 300 sync wakeups of servers, 100.0 % left the thread"),
            std::string::npos);
}

}  // namespace
}  // namespace fusetrace
