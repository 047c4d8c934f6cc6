// SPDX-License-Identifier: Apache-2.0
// The parts of the Perfetto export that decide what goes where: tracks on which
// slices nest, counters in bounded memory, and scheduling that was seen or
// follows from what was.
#include <gtest/gtest.h>

#include <map>
#include <protozero/pbf_reader.hpp>
#include <set>

#include "support/requests.h"
#include "support/workload.h"
#include "views/export/perfetto_counters.h"
#include "views/export/perfetto_sched.h"
#include "views/export/perfetto_tracks.h"

namespace fusetrace::test {
namespace {

struct Nothing {
  CaptureInfo info;
  std::unordered_map<uint32_t, ft_task> tasks;
  Losses losses;
  ExportContext context{info, tasks, losses};
};

// Calls take with every packet of out.
template <typename Take>
void for_each_packet(const std::string& out, Take take) {
  protozero::pbf_reader trace(out);
  while (trace.next(1)) take(trace.get_message());
}

TEST(PerfettoTracks, RequestsOneAfterTheOtherShareATrack) {
  std::string out;
  PerfettoStream stream;
  stream.set_output(out);
  PerfettoTracks tracks(stream);
  Nothing nothing;
  const uint64_t track = tracks.slice_track(7, 1, 10, 20, nothing.context);
  EXPECT_EQ(tracks.slice_track(7, 1, 20, 30, nothing.context), track);
  EXPECT_EQ(tracks.slice_track(7, 1, 40, 40, nothing.context), track);
  EXPECT_EQ(tracks.slice_track(7, 1, 0, 10, nothing.context), track);  // late to be reported
  EXPECT_NE(tracks.slice_track(8, 1, 10, 20, nothing.context), track);
}

TEST(PerfettoTracks, OverlappingRequestsGetAsManyTracksAsOverlap) {
  std::string out;
  PerfettoStream stream;
  stream.set_output(out);
  PerfettoTracks tracks(stream);
  Nothing nothing;
  std::map<uint64_t, std::vector<std::pair<uint64_t, uint64_t>>> by_track;
  // At most four at a time, reported in the order of their end.
  for (uint64_t i = 0; i < 10'000; i++)
    by_track[tracks.slice_track(7, 1, 10 * i, 10 * i + 35, nothing.context)].push_back(
        {10 * i, 10 * i + 35});
  EXPECT_EQ(by_track.size(), 4u);
  for (const auto& [track, slices] : by_track)
    for (size_t i = 1; i < slices.size(); i++) ASSERT_GE(slices[i].first, slices[i - 1].second);
}

TEST(PerfettoTracks, SliceOlderThanWhatIsRememberedDoesNotOverlap) {
  std::string out;
  PerfettoStream stream;
  stream.set_output(out);
  PerfettoTracks tracks(stream);
  Nothing nothing;
  const uint64_t track = tracks.slice_track(7, 1, 100, 200, nothing.context);
  for (uint64_t i = 0; i < 1000; i++)
    tracks.slice_track(7, 1, 1000 + 10 * i, 1005 + 10 * i, nothing.context);
  EXPECT_NE(tracks.slice_track(7, 1, 150, 11'100, nothing.context), track);
}

TEST(PerfettoTracks, ThreadIsDescribedOnceAndWithItsProcess) {
  std::string out;
  PerfettoStream stream;
  stream.set_output(out);
  PerfettoTracks tracks(stream);
  Nothing nothing;
  nothing.tasks[70] = make_task(70, 70, "main");
  nothing.tasks[71] = make_task(71, 70, "worker");
  for (int i = 0; i < 3; i++) tracks.instant_track(71, 1, nothing.context);
  int packets = 0;
  for_each_packet(out, [&](protozero::pbf_reader packet) {
    packets++;
    ASSERT_TRUE(packet.next(60));
    protozero::pbf_reader track = packet.get_message();
    while (track.next()) {
      if (track.tag() == 3) {  // process
        protozero::pbf_reader process = track.get_message();
        ASSERT_TRUE(process.next(1));
        EXPECT_EQ(process.get_int32(), 70);
        ASSERT_TRUE(process.next(6));
        EXPECT_EQ(process.get_string(), "main");
      } else if (track.tag() == 4) {  // thread
        protozero::pbf_reader thread = track.get_message();
        ASSERT_TRUE(thread.next(2));
        EXPECT_EQ(thread.get_int64(), 71);
        ASSERT_TRUE(thread.next(5));
        EXPECT_EQ(thread.get_string(), "worker");
      } else {
        track.skip();
      }
    }
  });
  EXPECT_EQ(packets, 2);
}

// Values of the counter whose field is tag, in the order of the trace.
std::vector<double> counter_values(const std::string& out, uint32_t tag) {
  std::vector<double> values;
  for_each_packet(out, [&](protozero::pbf_reader packet) {
    while (packet.next()) {
      if (packet.tag() != 11) {
        packet.skip();
        continue;
      }
      protozero::pbf_reader event = packet.get_message();
      while (event.next()) {
        if (event.tag() == tag)
          values.push_back(tag == 30 ? static_cast<double>(event.get_int64()) : event.get_double());
        else
          event.skip();
      }
    }
  });
  return values;
}

TEST(PerfettoCounters, PendingRequestsAndShareOfTheSameCpu) {
  std::string out;
  PerfettoStream stream;
  stream.set_output(out);
  PerfettoTracks tracks(stream);
  Nothing nothing;
  constexpr uint64_t ms = 1'000'000;
  PerfettoCounters counters(1000 * ms);
  counters.add_pending(39, 1001 * ms, 1005 * ms);
  counters.add_pending(39, 1002 * ms, 1003 * ms);
  for (int i = 0; i < 4; i++) counters.add_hop(39, 1001 * ms, i == 0);
  counters.add_hop(39, 1150 * ms, true);
  counters.write(stream, tracks, nothing.context);
  EXPECT_EQ(counter_values(out, 30), (std::vector<double>{0, 1, 2, 1, 0}));
  EXPECT_EQ(counter_values(out, 44), (std::vector<double>{25, 100}));
}

TEST(PerfettoCounters, LongRecordingsGetFewerPointsNotOtherSums) {
  std::string out;
  PerfettoStream stream;
  stream.set_output(out);
  PerfettoTracks tracks(stream);
  Nothing nothing;
  constexpr uint64_t second = 1'000'000'000;
  PerfettoCounters counters(second);
  // An hour with one request always pending, and a second one every other time.
  counters.add_pending(39, second, 3601 * second);
  for (uint64_t i = 0; i < 36'000; i++) {
    const uint64_t at = second + i * second / 10;
    counters.add_hop(39, at, i % 2 == 0);
  }
  counters.write(stream, tracks, nothing.context);
  EXPECT_EQ(counter_values(out, 30), (std::vector<double>{0, 1, 0}));
  const auto shares = counter_values(out, 44);
  EXPECT_LE(shares.size(), 65'536u);
  EXPECT_GE(shares.size(), 10'000u);
}

struct Scheduled {
  struct Switch {
    uint64_t ns;
    uint32_t cpu;
    int32_t pid;
  };
  std::vector<Switch> switches;
  std::vector<std::pair<uint64_t, int32_t>> wakings;  // time, who is woken
};

Scheduled schedule(const std::vector<ft_request>& requests) {
  std::string out;
  PerfettoStream stream;
  stream.set_output(out);
  PerfettoSched sched;
  Nothing nothing;
  for (const ft_request& request : requests) sched.add(request);
  sched.write(stream, nothing.context);

  Scheduled result;
  for_each_packet(out, [&](protozero::pbf_reader packet) {
    ASSERT_TRUE(packet.next(1));
    protozero::pbf_reader bundle = packet.get_message();
    uint32_t cpu = 0;
    while (bundle.next()) {
      if (bundle.tag() == 1) {
        cpu = bundle.get_uint32();
      } else if (bundle.tag() == 2) {
        protozero::pbf_reader event = bundle.get_message();
        uint64_t ns = 0;
        while (event.next()) {
          if (event.tag() == 1) {
            ns = event.get_uint64();
          } else if (event.tag() == 20) {
            protozero::pbf_reader waking = event.get_message();
            ASSERT_TRUE(waking.next(2));
            result.wakings.push_back({ns, waking.get_int32()});
          } else {
            event.skip();
          }
        }
      } else {
        protozero::pbf_reader compact = bundle.get_message();
        uint64_t ns = 0;
        std::vector<uint64_t> times;
        while (compact.next()) {
          if (compact.tag() == 1) {
            for (uint64_t delta : compact.get_packed_uint64()) times.push_back(ns += delta);
          } else if (compact.tag() == 3) {
            size_t i = 0;
            for (int32_t pid : compact.get_packed_int32())
              result.switches.push_back({times[i++], cpu, pid});
          } else {
            compact.skip();
          }
        }
      }
    }
  });
  std::sort(result.switches.begin(), result.switches.end(),
            [](const auto& a, const auto& b) { return a.ns < b.ns; });
  return result;
}

TEST(PerfettoSched, ShowsWhatTheRecordsShow) {
  const ft_request first = make_request({.client_cpu = 0, .server_cpu = 1, .queued_ns = 1'000'000});
  const ft_request second =
      make_request({.client_cpu = 0, .server_cpu = 1, .queued_ns = 2'000'000});
  const Scheduled seen = schedule({first, second});
  const std::vector<std::pair<uint64_t, int32_t>> by_cpu0 = {{first.server_waking_ns, 2001},
                                                             {second.server_waking_ns, 2001}};
  const std::vector<std::pair<uint64_t, int32_t>> by_cpu1 = {{first.client_waking_ns, 1001},
                                                             {second.client_waking_ns, 1001}};
  ASSERT_EQ(seen.wakings.size(), 4u);
  EXPECT_EQ(std::vector(seen.wakings.begin(), seen.wakings.begin() + 2), by_cpu0);
  EXPECT_EQ(std::vector(seen.wakings.begin() + 2, seen.wakings.end()), by_cpu1);

  // The server comes in, is last seen when it replies, and must have slept
  // before it was woken again; likewise the client, last seen waking the server.
  ASSERT_EQ(seen.switches.size(), 6u);
  const auto expect = [&](size_t i, uint64_t ns, uint32_t cpu, int32_t pid) {
    EXPECT_EQ(seen.switches[i].ns, ns) << i;
    EXPECT_EQ(seen.switches[i].cpu, cpu) << i;
    EXPECT_EQ(seen.switches[i].pid, pid) << i;
  };
  expect(0, first.server_running_ns, 1, 2001);
  expect(1, first.replied_ns, 1, 0);
  expect(2, first.resumed_ns, 0, 1001);
  expect(3, second.server_waking_ns, 0, 0);
  expect(4, second.server_running_ns, 1, 2001);
  expect(5, second.resumed_ns, 0, 1001);
}

TEST(PerfettoSched, BusyServersAndClientsThatNeverSleptAreNotSwitched) {
  const Scheduled seen =
      schedule({make_request({.pickup = FT_PICKUP_BUSY, .flags = FT_F_CLIENT_NEVER_SLEPT})});
  EXPECT_EQ(seen.switches.size(), 0u);
  EXPECT_EQ(seen.wakings.size(), 0u);
}

TEST(PerfettoSched, NoThreadRunsOnTwoCpusAtOnce) {
  // One at a time, or the workload wakes servers that are at work.
  std::vector<ft_request> requests(20'000);
  Workload({.connections = 1, .clients = 1, .servers = 1}).next(requests);
  const Scheduled seen = schedule(requests);
  EXPECT_GT(seen.switches.size(), requests.size());
  std::map<uint32_t, int32_t> on_cpu;
  for (const auto& event : seen.switches) {
    on_cpu[event.cpu] = event.pid;
    if (event.pid == 0) continue;
    for (const auto& [cpu, pid] : on_cpu) ASSERT_TRUE(pid != event.pid || cpu == event.cpu);
  }
}

}  // namespace
}  // namespace fusetrace::test
