// SPDX-License-Identifier: Apache-2.0
// Comparisons of made-up runs whose difference is known.
#include "model/comparison.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <vector>

#include "support/requests.h"

namespace fusetrace {
namespace {

using test::make_request;

const Topology two_cpus({{.id = 0, .core = 0}, {.id = 1, .core = 1}});

struct RunOptions {
  uint64_t seed = 1;
  double same_cpu = 0.5;
  double service_ns = 5000;  // median
  size_t requests = 4000;
  size_t blocks = bootstrap_blocks;
  uint32_t opcode = FUSE_GETATTR;
};

// Requests one after the other, 20 µs apart, with a spread of 30 % in each.
RunSample make_run(const RunOptions& o) {
  std::mt19937_64 random(o.seed);
  std::lognormal_distribution<double> service(std::log(o.service_ns), 0.3);
  std::bernoulli_distribution same(o.same_cpu);
  RunSample run("run" + std::to_string(o.seed), two_cpus, o.blocks);
  for (size_t i = 0; i < o.requests; ++i) {
    const ft_request r = make_request({.opcode = o.opcode,
                                       .server_cpu = static_cast<uint16_t>(same(random) ? 0 : 1),
                                       .queued_ns = 1'000'000'000 + i * 20'000,
                                       .service_ns = static_cast<uint64_t>(service(random))});
    run.add({&r, 1});
  }
  return run;
}

std::vector<RunSample> make_runs(size_t n, uint64_t seed, RunOptions options, double spread = 0) {
  std::mt19937_64 random(seed);
  std::normal_distribution<double> normal(0, spread);
  std::vector<RunSample> runs;
  for (size_t i = 0; i < n; ++i) {
    RunOptions one = options;
    one.seed = seed * 1000 + i;
    one.service_ns *= spread > 0 ? std::exp(normal(random)) : 1;
    runs.push_back(make_run(one));
  }
  return runs;
}

const ComparisonRow& row_of(const Comparison& comparison, const std::string& metric,
                            const std::string& group = "all") {
  for (const ComparisonRow& row : comparison.rows) {
    if (row.metric == metric && row.group == group) return row;
  }
  ADD_FAILURE() << "no row " << group << " " << metric;
  static const ComparisonRow none;
  return none;
}

TEST(RunSample, BlocksAddUpToTheRun) {
  const RunSample run = make_run({.requests = 10000});
  EXPECT_LE(run.blocks().size(), bootstrap_blocks);
  EXPECT_GE(run.blocks().size(), bootstrap_blocks / 2);
  uint64_t requests = 0;
  uint64_t covered = 0;
  for (size_t i = 0; i < run.blocks().size(); ++i) {
    requests += run.blocks()[i].requests;
    covered += run.covered_ns(i);
  }
  EXPECT_EQ(requests, 10000u);
  EXPECT_EQ(run.opcodes().at(FUSE_GETATTR).requests, 10000u);
  EXPECT_NEAR(static_cast<double>(covered) / 1e9, run.seconds(), 1e-9);
  EXPECT_NEAR(run.seconds(), 0.2, 0.001);
}

TEST(RunSample, OneBlockHoldsEverything) {
  const RunSample run = make_run({.requests = 10000, .blocks = 1});
  ASSERT_EQ(run.blocks().size(), 1u);
  EXPECT_EQ(run.blocks()[0].requests, 10000u);
  EXPECT_NEAR(static_cast<double>(run.covered_ns(0)) / 1e9, run.seconds(), 1e-9);
}

TEST(Compare, OverRecordingsADifferenceIsFoundAndMeasured) {
  const auto base = make_runs(4, 1, {.same_cpu = 0.9}, 0.05);
  const auto changed = make_runs(4, 2, {.same_cpu = 0.2, .service_ns = 10000}, 0.05);
  const Comparison c = compare(base, changed);
  EXPECT_TRUE(c.over_recordings);
  const ComparisonRow& hop = row_of(c, "hops.request.same_cpu");
  EXPECT_EQ(hop.verdict, Verdict::changed);
  EXPECT_NEAR(hop.effect, -0.7, 0.03);
  EXPECT_LT(hop.low, hop.effect);
  EXPECT_GT(hop.high, hop.effect);
  EXPECT_FALSE(hop.worse());  // more or fewer on one CPU is neither good nor bad
  const ComparisonRow& service = row_of(c, "stages.service.p50", "GETATTR");
  EXPECT_EQ(service.verdict, Verdict::changed);
  EXPECT_NEAR(service.effect, 2, 0.25);
  EXPECT_TRUE(service.worse());
  EXPECT_NEAR(c.regression_percent(), 100, 40);
  EXPECT_EQ(row_of(c, "stages.queue.p50").verdict, Verdict::unchanged);
  EXPECT_EQ(row_of(c, "stages.queue.p50").effect, 1);
}

TEST(Compare, SwappingTheSidesTurnsTheEffectAround) {
  const auto a = make_runs(3, 3, {}, 0.05);
  const auto b = make_runs(3, 4, {.service_ns = 20000}, 0.05);
  const ComparisonRow there = row_of(compare(a, b), "stages.service.p50");
  const ComparisonRow back = row_of(compare(b, a), "stages.service.p50");
  EXPECT_NEAR(there.effect * back.effect, 1, 1e-9);
  EXPECT_NEAR(there.low * back.high, 1, 1e-9);
  EXPECT_TRUE(there.worse());
  EXPECT_TRUE(back.improved());
  EXPECT_EQ(compare(b, a).regression_percent(), 0);
}

TEST(Compare, RunsThatDifferAmongThemselvesProveLittle) {
  // A fifth apart on average, but each side's runs are as far from each other.
  const auto base = make_runs(3, 5, {}, 0.3);
  const auto changed = make_runs(3, 6, {.service_ns = 6000}, 0.3);
  const ComparisonRow row = row_of(compare(base, changed), "stages.service.p50");
  EXPECT_NE(row.verdict, Verdict::changed);
  EXPECT_LT(row.low, 1);
  EXPECT_GT(row.high, 1);
}

TEST(Compare, SingleRunsAreComparedByBootstrap) {
  const RunSample base = make_run({.seed = 1, .same_cpu = 1, .service_ns = 5000});
  const RunSample far = make_run({.seed = 2, .same_cpu = 0, .service_ns = 50000});
  const Comparison c = compare({&base, 1}, {&far, 1});
  EXPECT_FALSE(c.over_recordings);
  EXPECT_EQ(row_of(c, "hops.request.same_cpu").verdict, Verdict::changed);
  EXPECT_EQ(row_of(c, "hops.request.same_cpu").effect, -1);
  EXPECT_EQ(row_of(c, "stages.service.p50").verdict, Verdict::changed);
  EXPECT_NEAR(row_of(c, "stages.service.p50").effect, 10, 0.5);
}

TEST(Compare, ASmallDifferenceOfSingleRunsIsUnsureAndNotAChange) {
  const RunSample base = make_run({.seed = 1, .service_ns = 5000});
  const RunSample slower = make_run({.seed = 2, .service_ns = 5500});
  const ComparisonRow row = row_of(compare({&base, 1}, {&slower, 1}), "stages.service.p50");
  EXPECT_GT(row.low, 1);  // the runs do differ, by more than chance
  EXPECT_EQ(row.verdict, Verdict::unsure);
}

TEST(Compare, BootstrapIntervalsHoldTheTruthAsOftenAsTheySay) {
  constexpr double truth = 0.3;
  int held = 0;
  constexpr int rounds = 200;
  for (uint64_t i = 0; i < rounds; ++i) {
    const RunSample base = make_run({.seed = 2 * i, .same_cpu = 0.5, .requests = 1000});
    const RunSample more = make_run({.seed = 2 * i + 1, .same_cpu = 0.5 + truth, .requests = 1000});
    const ComparisonRow row = row_of(compare({&base, 1}, {&more, 1}), "hops.request.same_cpu");
    held += row.low <= truth && truth <= row.high;
  }
  EXPECT_NEAR(held, 0.95 * rounds, 0.045 * rounds);
}

TEST(Compare, ASampledRecordingHasTheRateOfAWholeOne) {
  const RunSample whole = make_run({.seed = 1});
  RunSample sampled = make_run({.seed = 2});
  sampled.info.sample_n = 4;
  const Comparison c = compare({&whole, 1}, {&sampled, 1});
  EXPECT_NEAR(row_of(c, "requests_per_second").effect, 4, 0.01);
}

TEST(Compare, IsReproducible) {
  const RunSample base = make_run({.seed = 1});
  const RunSample other = make_run({.seed = 2, .service_ns = 6000});
  const Comparison a = compare({&base, 1}, {&other, 1});
  const Comparison b = compare({&base, 1}, {&other, 1});
  ASSERT_EQ(a.rows.size(), b.rows.size());
  for (size_t i = 0; i < a.rows.size(); ++i) {
    EXPECT_EQ(a.rows[i].low, b.rows[i].low);
    EXPECT_EQ(a.rows[i].p_value, b.rows[i].p_value);
  }
}

TEST(Compare, FewRequestsAreSaidToBeTooFew) {
  const RunSample base = make_run({.requests = 5000});
  const RunSample few = make_run({.requests = enough_requests - 1});
  const Comparison c = compare({&base, 1}, {&few, 1});
  EXPECT_EQ(c.count(Verdict::too_few), c.rows.size());
  EXPECT_EQ(c.regression_percent(), 0);
}

TEST(Compare, AnOpcodeOfOneSideOnlyIsTooFew) {
  const RunSample base = make_run({.opcode = FUSE_GETATTR});
  const RunSample other = make_run({.opcode = FUSE_LOOKUP});
  const Comparison c = compare({&base, 1}, {&other, 1});
  EXPECT_EQ(row_of(c, "stages.total.p50", "GETATTR").verdict, Verdict::too_few);
  EXPECT_EQ(row_of(c, "stages.total.p50", "LOOKUP").verdict, Verdict::too_few);
  EXPECT_NE(row_of(c, "stages.total.p50").verdict, Verdict::too_few);
}

TEST(Compare, WithTheSameOnBothSidesNothingChanged) {
  int families = 0;
  for (uint64_t i = 0; i < 100; ++i) {
    const auto base = make_runs(3, 100 + i, {.requests = 1000, .blocks = 1}, 0.1);
    const auto same = make_runs(3, 300 + i, {.requests = 1000, .blocks = 1}, 0.1);
    families += compare(base, same).count(Verdict::changed) > 0;
  }
  EXPECT_LE(families, 5);
}

}  // namespace
}  // namespace fusetrace
