// SPDX-License-Identifier: Apache-2.0
// Running totals against a recording of the same requests, and both against
// the bench.
#include "capture_fixture.h"

namespace fusetrace::test {
namespace {

// The JSON documents that follow each other in a command's output.
std::vector<Json> documents(const std::string& text) {
  std::vector<Json> out;
  std::istringstream in(text);
  while (in >> std::ws && !in.eof()) {
    Json one;
    in >> one;
    out.push_back(std::move(one));
  }
  return out;
}

class Stat : public Capture {
 protected:
  // `record -- stat -- bench`: both count the very same requests.
  void count(const Words& bench_options, const Words& stat_options = {}) {
    const Result result =
        run(fusetrace(Words{"record", "-o", recording_, "--"} +
                      fusetrace(Words{"stat", "--json"} + stat_options + Words{"--"} +
                                fusetrace(Words{"bench", "--json"} + bench_options))));
    ASSERT_EQ(result.status, 0) << result.err;
    const std::vector<Json> printed = documents(result.out);
    ASSERT_GE(printed.size(), 2u) << result.out;
    for (const Json& one : printed) {
      if (one.at("schema") == "fusetrace.bench/1") {
        truth_ = one;
      } else {
        totals_.push_back(one);
      }
    }
  }

  Json truth_;
  std::vector<Json> totals_;
};

TEST_F(Stat, AgreesWithARecordingOfTheSameRequests) {
  count({"--servers", "4", "--clients", "4", "--requests", "20000", "--op", "mixed"});
  ASSERT_EQ(totals_.size(), 1u);
  const Json& seen = totals_.front();
  const Json recorded = report();
  EXPECT_EQ(seen.at("schema"), "fusetrace.report/1");
  EXPECT_TRUE(nothing_lost(seen));
  EXPECT_EQ(opcode_counts(seen), opcode_counts(truth_));
  // Two captures at once see each other's time, not each other's requests.
  for (const char* key : {"requests", "errors", "bytes_in", "bytes_out", "hops", "pickup", "kinds",
                          "migrations", "cpu_matrix", "reply_cpu_matrix"}) {
    EXPECT_EQ(seen.value(key, Json()), recorded.value(key, Json())) << key;
  }
  for (const char* side : {"server", "client"}) {
    for (const char* placement : {"kept", "pulled", "moved", "unknown"}) {
      EXPECT_EQ(seen.at("wakeups").at(side).at(placement),
                recorded.at("wakeups").at(side).at(placement))
          << side << " " << placement;
    }
  }
  for (const auto& [opcode, cell] : recorded.at("opcodes").items()) {
    const Json& other = seen.at("opcodes").at(opcode);
    EXPECT_EQ(other.at("hops"), cell.at("hops")) << opcode;
    for (const auto& [stage, figures] : cell.at("stages").items()) {
      EXPECT_EQ(other.at("stages").at(stage).at("count"), figures.at("count"))
          << opcode << " " << stage;
    }
  }
}

TEST_F(Stat, PinnedLoadsAreExact) {
  count({"--requests", "5000", "--client-cpus", "0", "--server-cpus", "0"});
  const Json& hops = totals_.front().at("opcodes").at("GETATTR").at("hops");
  EXPECT_EQ(hops.at("request").at("same_cpu"), 5000);
  EXPECT_EQ(hops.at("reply").at("same_cpu"), 5000);
}

TEST_F(Stat, IntervalsAddUpToTheWhole) {
  count({"--servers", "4", "--clients", "4", "--requests", "60000", "--think-time", "20000"},
        {"-I", "100ms"});
  EXPECT_GE(totals_.size(), 3u);
  uint64_t requests = 0;
  uint64_t timed = 0;
  for (const Json& interval : totals_) {
    requests += interval.at("requests").get<uint64_t>();
    timed += interval.at("stages").at("queue").at("count").get<uint64_t>();
  }
  EXPECT_EQ(requests, truth_.at("requests"));
  EXPECT_EQ(timed, truth_.at("requests"));
}

TEST_F(Stat, FiltersActOnTotalsToo) {
  count({"--requests", "4000", "--op", "mixed"}, {"--opcode", "READ"});
  const auto seen = opcode_counts(totals_.front());
  EXPECT_EQ(seen.size(), 1u);
  EXPECT_EQ(seen.at("READ"), truth_.at("opcodes").at("READ"));
}

TEST_F(Stat, EndsWithTheStatusOfItsCommand) {
  EXPECT_EQ(run(fusetrace({"stat", "--", "sh", "-c", "exit 7"})).status, 7);
  EXPECT_EQ(run(fusetrace({"stat", "-I", "1ms", "--", "true"})).status, 2);
}

}  // namespace
}  // namespace fusetrace::test
