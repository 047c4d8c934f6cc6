// SPDX-License-Identifier: Apache-2.0
// The column encoding loses nothing, whatever the values are, and makes
// columns that do not vary free.
#include "recording/request_columns.h"

#include <gtest/gtest.h>

#include <cstring>
#include <random>

#include "recording_files.h"

namespace fusetrace::test {
namespace {

struct Encoded {
  std::vector<uint8_t> bytes;
  EncodedColumns columns;
};

Encoded encode(const std::vector<ft_request>& requests) {
  RequestColumnsEncoder encoder(static_cast<uint32_t>(requests.size()) + 1);
  EXPECT_EQ(encoder.append(requests), requests.size());
  Encoded encoded;
  encoded.columns = encoder.encode();
  encoded.bytes.assign(encoded.columns.directory.begin(), encoded.columns.directory.end());
  encoded.bytes.insert(encoded.bytes.end(), encoded.columns.planes.begin(),
                       encoded.columns.planes.end());
  return encoded;
}

void expect_round_trip(const std::vector<ft_request>& requests) {
  const Encoded encoded = encode(requests);
  ASSERT_EQ(encoded.columns.count, requests.size());
  // Whatever was in the rows before must be gone.
  std::vector<ft_request> decoded(requests.size());
  if (!decoded.empty())
    std::memset(static_cast<void*>(decoded.data()), 0xa5, decoded.size() * sizeof(ft_request));
  ASSERT_TRUE(decode_request_columns(encoded.bytes, decoded));
  EXPECT_TRUE(same(requests, decoded));
}

std::vector<ft_request> random_bytes(size_t count, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::vector<ft_request> requests(count);
  for (ft_request& r : requests) {
    unsigned char bytes[sizeof(r)];
    for (unsigned char& b : bytes) b = static_cast<unsigned char>(random());
    std::memcpy(&r, bytes, sizeof(r));
  }
  return requests;
}

TEST(RequestColumns, RoundTripOfAWorkload) {
  for (size_t count : {0, 1, 2, 127, 128, 129, 1000, 8192}) {
    SCOPED_TRACE(count);
    expect_round_trip(workload_requests(count));
  }
}

TEST(RequestColumns, RoundTripOfRandomBytes) {
  for (size_t count : {1, 2, 300, 5000}) {
    SCOPED_TRACE(count);
    expect_round_trip(random_bytes(count, count));
  }
}

TEST(RequestColumns, RoundTripOfUnknownPointsOfTime) {
  std::mt19937_64 random(7);
  auto requests = workload_requests(3000);
  for (ft_request& r : requests) {
    const uint64_t which = random();
    if ((which & 1) != 0) r.server_waking_ns = 0;
    if ((which & 2) != 0) r.server_running_ns = 0;
    if ((which & 4) != 0) r.picked_up_ns = 0;
    if ((which & 8) != 0) r.replied_ns = 0;
    if ((which & 16) != 0) r.client_waking_ns = 0;
    if ((which & 32) != 0) r.resumed_ns = 0;
    if ((which & 64) != 0) r.queued_ns = 0;
    if ((which & 128) != 0) r.server_tid = 0;
    if ((which & 256) != 0) r.replier_tid = 0;
  }
  expect_round_trip(requests);
}

TEST(RequestColumns, RoundTripOfTimesThatRunBackwards) {
  auto requests = workload_requests(1000);
  for (size_t i = 0; i < requests.size(); i += 3) {
    requests[i].picked_up_ns = requests[i].queued_ns - 12345 * i;
    requests[i].replied_ns = 1;
  }
  expect_round_trip(requests);
}

// Differences that span all of the type leave no code for "unknown", and
// wrap around in every sum.
TEST(RequestColumns, RoundTripOfExtremes) {
  constexpr uint64_t ends[] = {0, 1, UINT64_MAX, UINT64_MAX - 1, 1ull << 63, (1ull << 63) - 1};
  for (uint64_t queued : ends) {
    std::vector<ft_request> requests;
    for (uint64_t a : ends) {
      for (uint64_t b : ends) {
        ft_request r = make_request();
        r.queued_ns = queued;
        r.server_waking_ns = a;
        r.server_running_ns = b;
        r.unique = a;
        r.nodeid = b;
        r.connection = static_cast<uint32_t>(b);
        r.error = static_cast<int32_t>(a);
        r.server_tid = static_cast<uint32_t>(a);
        r.replier_tid = static_cast<uint32_t>(b);
        r.woken_tid = static_cast<uint32_t>(a >> 33);
        r.client_cpu = static_cast<uint16_t>(a);
        r.resume_cpu = static_cast<uint16_t>(b);
        r.server_cpu = static_cast<uint16_t>(a >> 49);
        r.migrations_client_waiting = static_cast<uint8_t>(b);
        requests.push_back(r);
      }
    }
    SCOPED_TRACE(queued);
    expect_round_trip(requests);
    for (const ft_request& r : requests) expect_round_trip({r});
  }
}

TEST(RequestColumns, RoundTripOfManyConnectionsAndOfFewLargeNodeIds) {
  auto requests = workload_requests(4000);
  for (size_t i = 0; i < requests.size(); i++) {
    requests[i].connection = static_cast<uint32_t>(i % 500 * 1000);
    requests[i].unique = i % 500 * 1'000'000'007 + i;
    requests[i].nodeid = 0x7f0000000000 + i % 256 * 4096;
  }
  expect_round_trip(requests);
}

TEST(RequestColumns, EqualRequestsNeedNoPlanes) {
  const Encoded encoded = encode(std::vector<ft_request>(1000, make_request()));
  EXPECT_EQ(encoded.columns.planes.size(), 0u);
  expect_round_trip(std::vector<ft_request>(1000, make_request()));
}

TEST(RequestColumns, UnknownCpuNextToSmallOnesNeedsOnePlane) {
  std::vector<ft_request> requests(100, make_request());
  requests[5].client_cpu = 200;
  const size_t without = encode(requests).columns.planes.size();
  requests[6].client_cpu = FT_CPU_UNKNOWN;
  EXPECT_EQ(encode(requests).columns.planes.size(), without);
}

TEST(RequestColumns, TimeRangeOfTheBlock) {
  const std::vector<ft_request> requests = {make_request({.queued_ns = 5'000'000}),
                                            make_request({.queued_ns = 4'000'000}),
                                            make_request({.queued_ns = 4'500'000})};
  const EncodedColumns columns = encode(requests).columns;
  EXPECT_EQ(columns.first_ns, 4'000'000u);
  EXPECT_EQ(columns.last_ns, requests[0].resumed_ns);
}

TEST(RequestColumns, EncoderTakesOnlyWhatFits) {
  RequestColumnsEncoder encoder(100);
  const auto requests = workload_requests(150);
  EXPECT_EQ(encoder.append(requests), 100u);
  EXPECT_TRUE(encoder.full());
  EXPECT_EQ(encoder.append(requests), 0u);
  EXPECT_EQ(encoder.encode().count, 100u);
  EXPECT_FALSE(encoder.full());
  EXPECT_EQ(encoder.append(std::span(requests).subspan(100)), 50u);
}

// The checksum stands before the decoder, but nothing may depend on that.
TEST(RequestColumns, DecoderRefusesOrSurvivesDamage) {
  const auto requests = workload_requests(300);
  const auto good = encode(requests).bytes;
  std::vector<ft_request> rows(requests.size());
  std::mt19937_64 random(3);
  for (int round = 0; round < 3000; round++) {
    auto bytes = good;
    for (uint64_t flips = 1 + random() % 4; flips > 0; flips--) {
      // Mostly where the sizes are.
      const size_t limit = random() % 4 != 0 ? 1500 : bytes.size();
      bytes[random() % limit] = static_cast<uint8_t>(random());
    }
    if (random() % 4 == 0) bytes.resize(random() % bytes.size());
    decode_request_columns(bytes, rows);
  }
  EXPECT_FALSE(decode_request_columns({}, rows));
  EXPECT_FALSE(decode_request_columns(std::span(good).first(good.size() - 1), rows));
  rows.resize(rows.size() + 1);
  EXPECT_FALSE(decode_request_columns(good, rows));
}

}  // namespace
}  // namespace fusetrace::test
