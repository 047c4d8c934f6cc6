// SPDX-License-Identifier: Apache-2.0
// CPUs gathered so that a picture of them stays readable on large machines.
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

  // The matrix over groups.
  std::vector<std::vector<uint64_t>> sum(const CpuMatrix& matrix) const;
};

// CPUs that share a core, cache or node become neighbours; when there are more
// than most, as many neighbours as needed share a group.
CpuGroups group_cpus(const Topology& topology, size_t most);

// By CPU, or where there are more than most of them by cache, or by node.
CpuGroups group_cpus_by_cache(const Topology& topology, size_t most);

}  // namespace fusetrace
