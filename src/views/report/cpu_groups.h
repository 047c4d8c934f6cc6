// SPDX-License-Identifier: Apache-2.0
// Groups CPUs, so that a picture of them stays readable on large machines.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "model/snapshot.h"

namespace fusetrace {

struct CpuGroups {
  std::string unit;  // what one group is: "CPU", "LLC", "node", "group of CPUs"
  std::vector<std::string> labels;
  std::vector<std::vector<uint32_t>> cpus;
  // First group of each last-level cache, or of each node where a group is a
  // cache; empty when there is only one.
  std::vector<size_t> boundaries;
  std::string boundary_unit;

  // The counts of a matrix of CPUs, added up for each pair of groups.
  std::vector<std::vector<uint64_t>> sum(const CpuMatrix& matrix) const;
};

// CPUs that share a core, cache or node become neighbours. If there are more than most of
// them, several neighbours share a group.
CpuGroups group_cpus(const Topology& topology, size_t most);

// One group for each CPU; if these are more than most, one for each cache, or for each node.
CpuGroups group_cpus_by_cache(const Topology& topology, size_t most);

}  // namespace fusetrace
