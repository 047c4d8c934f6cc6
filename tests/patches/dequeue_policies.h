// SPDX-License-Identifier: Apache-2.0
// A deterministic simulation of how readers choose the next request from queues per CPU
// group, to see beyond the machine at hand who waits for how long.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace fusetrace::patches {

enum class Policy {
  kFifo,          // one queue
  kStrict,        // a reader takes from its own shard only, and is woken by it only
  kStealIfEmpty,  // the oldest of any shard, when the own one is empty
  kEveryKth,      // the same, and every K-th take of a shard's readers even if it is not
};
std::vector<Policy> all_policies();
std::string_view name_of(Policy policy);

// Who works where. Clients ask, wait for the answer, and ask again.
enum class Load {
  kUniform,    // servers everywhere, two clients to a CPU
  kOneCpu,     // all servers on CPU 0, a client on every CPU, two more on CPU 0 per server
  kSaturated,  // servers everywhere; in the first shard more clients than its servers can
               // serve, elsewhere one that thinks for long; half of the shards without server
  kNoServer,   // servers everywhere but in the last shard, one client on each CPU
};
std::vector<Load> all_loads();
std::string_view name_of(Load load);

struct Setup {
  Policy policy = Policy::kFifo;
  Load load = Load::kUniform;
  int cpus = 2;
  int cpus_per_shard = 1;
  int servers = 1;
  int k = 8;
  std::int64_t takes = 100'000;  // the simulation ends after so many
};

// Ages are in takes: requests that any server took between the queueing and the taking.
struct Figures {
  std::int64_t takes = 0;
  std::int64_t median_age = 0;
  std::int64_t p99_age = 0;
  std::int64_t max_age = 0;            // of requests taken and of those that still wait
  std::int64_t never_taken = 0;        // clients of which no request was ever taken
  double own_share = 0;                // taken from the reader's own shard
  double heads_per_take = 0;           // shards looked at for a take: what the policy costs
  std::int64_t longest_as_oldest = 0;  // takes during which one request was the oldest of all
  std::int64_t bound = 0;              // what the K rule allows that to be, 0 without it
};

Figures simulate(const Setup& setup);

}  // namespace fusetrace::patches
