// SPDX-License-Identifier: Apache-2.0
// Prints the tables of patches/v7.3/part2/MODELS.md: what each dequeue policy does from 2 to
// 1,024 CPUs, and which rules of the queueing protocol are needed.
#include <cstdio>
#include <cstring>
#include <string>

#include "patches/dequeue_policies.h"
#include "patches/queue_protocol.h"

namespace fusetrace::patches {
namespace {

void policy_row(const Setup& setup, const char* many) {
  const Figures f = simulate(setup);
  std::string oldest = std::to_string(f.longest_as_oldest);
  if (f.bound > 0) oldest += " (bound " + std::to_string(f.bound) + ")";
  std::printf("| %d | %s (%d) | %s | %.1f %% | %lld | %lld | %lld | %s | %lld | %.1f |\n",
              setup.cpus, many, setup.servers, std::string(name_of(setup.policy)).c_str(),
              100 * f.own_share, static_cast<long long>(f.median_age),
              static_cast<long long>(f.p99_age), static_cast<long long>(f.max_age), oldest.c_str(),
              static_cast<long long>(f.never_taken), f.heads_per_take);
}

void policies(int cpus_per_shard) {
  for (Load load : all_loads()) {
    std::printf("\n#### %s\n\n", std::string(name_of(load)).c_str());
    std::puts(
        "| CPUs | servers | policy | own shard | age p50 | p99 | max | longest as the oldest | "
        "never taken | heads looked at per take |\n"
        "|---:|---|---|---:|---:|---:|---:|---:|---:|---:|");
    for (int cpus : {2, 8, 16, 64, 256, 1024}) {
      if (cpus <= cpus_per_shard) continue;
      for (bool many : {false, true}) {
        for (Policy policy : all_policies()) {
          policy_row({.policy = policy,
                      .load = load,
                      .cpus = cpus,
                      .cpus_per_shard = cpus_per_shard,
                      .servers = many ? 2 * cpus : std::max(1, cpus / 8)},
                     many ? "many" : "few");
        }
      }
    }
  }
}

void rules() {
  const Memory memories[] = {Memory::kSequential, Memory::kTotalStore, Memory::kWeak};
  std::puts("\n| left out | sequential | total store order | weak |\n|---|---|---|---|");
  std::vector<Rule> rows = {Rule::kNone};
  for (Rule rule : all_rules()) rows.push_back(rule);
  for (Rule rule : rows) {
    std::printf("| %s |", std::string(name_of(rule)).c_str());
    for (Memory memory : memories) {
      std::uint64_t states = 0;
      bool complete = true;
      std::string lost;
      for (Cast cast : all_casts()) {
        const Outcome outcome = search(cast, memory, rule);
        states += outcome.states;
        complete &= outcome.complete || outcome.lost_wakeup;
        if (outcome.lost_wakeup && lost.empty()) {
          lost = "**lost** (" + std::string(name_of(cast)) + ", " +
                 std::to_string(outcome.trace.size()) + " steps)";
        }
        if (outcome.miscounted) lost = "**miscounted**";
      }
      if (lost.empty()) {
        lost = (complete ? "none in " : "none in the first ") + std::to_string(states) + " states";
      }
      std::printf(" %s |", lost.c_str());
    }
    std::puts("");
  }
}

}  // namespace
}  // namespace fusetrace::patches

int main(int argc, char** argv) {
  using namespace fusetrace::patches;
  if (argc == 2 && std::strcmp(argv[1], "rules") == 0) {
    rules();
  } else if (argc == 2 && std::strcmp(argv[1], "per-cpu") == 0) {
    policies(1);
  } else if (argc == 2 && std::strcmp(argv[1], "per-group") == 0) {
    policies(8);
  } else {
    std::fputs("usage: queue_models rules|per-cpu|per-group\n", stderr);
    return 2;
  }
  return 0;
}
