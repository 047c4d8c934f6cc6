// SPDX-License-Identifier: Apache-2.0
// What each dequeue policy promises, from 2 to 1,024 CPUs: the bound of the K rule holds,
// and without the rule the same load starves.
#include "patches/dequeue_policies.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace fusetrace::patches {
namespace {

constexpr int kCpus[] = {2, 8, 64, 1024};

Setup setup(Policy policy, Load load, int cpus, int servers, int cpus_per_shard = 1) {
  return {.policy = policy,
          .load = load,
          .cpus = cpus,
          .cpus_per_shard = cpus_per_shard,
          .servers = servers,
          .takes = 20'000};
}

TEST(DequeuePolicies, OldestIsTakenWithinTheBound) {
  for (Load load : all_loads()) {
    for (int cpus : kCpus) {
      for (int per_shard : {1, 8}) {
        for (int servers : {1, std::max(1, cpus / 8), 2 * cpus}) {
          const Figures f = simulate(setup(Policy::kEveryKth, load, cpus, servers, per_shard));
          EXPECT_EQ(20'000, f.takes);
          EXPECT_LE(f.longest_as_oldest, f.bound)
              << name_of(load) << ", " << cpus << " CPUs, " << servers << " servers";
        }
      }
    }
  }
}

TEST(DequeuePolicies, StealingOnlyWhenEmptyStarves) {
  for (int cpus : kCpus) {
    const Figures without = simulate(setup(Policy::kStealIfEmpty, Load::kOneCpu, cpus, 4));
    const Figures with = simulate(setup(Policy::kEveryKth, Load::kOneCpu, cpus, 4));
    EXPECT_GT(without.never_taken, 0) << cpus;
    EXPECT_GT(without.longest_as_oldest, with.bound) << cpus;
    EXPECT_EQ(0, with.never_taken) << cpus;
  }
}

TEST(DequeuePolicies, StrictLeavesAShardWithoutServer) {
  const Figures strict = simulate(setup(Policy::kStrict, Load::kNoServer, 8, 14));
  const Figures stealing = simulate(setup(Policy::kStealIfEmpty, Load::kNoServer, 8, 14));
  EXPECT_EQ(1, strict.never_taken);
  EXPECT_EQ(0, stealing.never_taken);
}

TEST(DequeuePolicies, OneShardIsOneQueue) {
  for (Policy policy : {Policy::kStealIfEmpty, Policy::kEveryKth}) {
    const Figures sharded = simulate(setup(policy, Load::kUniform, 64, 8, 64));
    const Figures fifo = simulate(setup(Policy::kFifo, Load::kUniform, 64, 8, 64));
    EXPECT_EQ(fifo.p99_age, sharded.p99_age);
    EXPECT_EQ(fifo.max_age, sharded.max_age);
    EXPECT_EQ(1, sharded.longest_as_oldest);
  }
}

TEST(DequeuePolicies, SameSetupSameFigures) {
  const auto s = setup(Policy::kEveryKth, Load::kSaturated, 64, 16, 8);
  EXPECT_EQ(simulate(s).p99_age, simulate(s).p99_age);
  EXPECT_EQ(simulate(s).own_share, simulate(s).own_share);
}

}  // namespace
}  // namespace fusetrace::patches
