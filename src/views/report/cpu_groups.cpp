// SPDX-License-Identifier: Apache-2.0
#include "views/report/cpu_groups.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <tuple>

#include "system/cpu_list.h"

namespace fusetrace {
namespace {

std::vector<Cpu> in_order(const Topology& topology) {
  std::vector<Cpu> cpus = topology.cpus();
  std::stable_sort(cpus.begin(), cpus.end(), [](const Cpu& a, const Cpu& b) {
    return std::tie(a.node, a.llc, a.core, a.id) < std::tie(b.node, b.llc, b.core, b.id);
  });
  return cpus;
}

// The groups at which the value of the first CPU differs from that of the group before.
template <typename Get>
std::vector<size_t> changes(const std::vector<Cpu>& firsts, Get get) {
  std::vector<size_t> out;
  for (size_t i = 0; i < firsts.size(); ++i) {
    if (i == 0 || get(firsts[i]) != get(firsts[i - 1])) out.push_back(i);
  }
  return out.size() > 1 ? out : std::vector<size_t>{};
}

template <typename Get>
CpuGroups group_by(const std::vector<Cpu>& cpus, const char* unit, Get get) {
  CpuGroups out;
  out.unit = unit;
  for (size_t i = 0; i < cpus.size(); ++i) {
    if (i == 0 || get(cpus[i]) != get(cpus[i - 1])) out.cpus.emplace_back();
    out.cpus.back().push_back(cpus[i].id);
  }
  for (const auto& group : out.cpus) {
    out.labels.push_back(fmt::format("{} of {}", unit, format_cpu_list(group)));
  }
  return out;
}

}  // namespace

std::vector<std::vector<uint64_t>> CpuGroups::sum(const CpuMatrix& matrix) const {
  std::vector<std::vector<uint64_t>> out(cpus.size(), std::vector<uint64_t>(cpus.size()));
  constexpr size_t none = SIZE_MAX;
  std::vector<size_t> group_of(matrix.size(), none);
  for (size_t i = 0; i < cpus.size(); ++i) {
    for (const uint32_t cpu : cpus[i])
      if (cpu < group_of.size()) group_of[cpu] = i;
  }
  matrix.for_each([&](uint32_t from, uint32_t to, uint64_t count) {
    if (group_of[from] != none && group_of[to] != none) out[group_of[from]][group_of[to]] += count;
  });
  return out;
}

CpuGroups group_cpus(const Topology& topology, size_t most) {
  const std::vector<Cpu> cpus = in_order(topology);
  size_t size = 1;
  while (cpus.size() > most * size) size *= 2;
  CpuGroups out;
  out.unit = size == 1 ? "CPU" : "group of CPUs";
  std::vector<Cpu> firsts;
  for (size_t i = 0; i < cpus.size(); i += size) {
    firsts.push_back(cpus[i]);
    std::vector<uint32_t> group;
    for (size_t k = i; k < std::min(i + size, cpus.size()); ++k) group.push_back(cpus[k].id);
    out.labels.push_back(format_cpu_list(group));
    out.cpus.push_back(std::move(group));
  }
  out.boundaries = changes(firsts, [](const Cpu& cpu) { return cpu.llc; });
  out.boundary_unit = "last-level caches";
  // If every cell has a cache of its own, lines between caches would separate all cells.
  if (out.boundaries.size() == firsts.size()) {
    out.boundaries = changes(firsts, [](const Cpu& cpu) { return cpu.node; });
    out.boundary_unit = "NUMA nodes";
  }
  return out;
}

CpuGroups group_cpus_by_cache(const Topology& topology, size_t most) {
  const std::vector<Cpu> cpus = in_order(topology);
  if (cpus.size() <= most) {
    CpuGroups out = group_cpus(topology, most);
    for (std::string& label : out.labels) label.insert(0, "CPU ");
    return out;
  }
  std::set<uint32_t> caches;
  std::set<uint32_t> nodes;
  for (const Cpu& cpu : cpus) {
    caches.insert(cpu.llc);
    nodes.insert(cpu.node);
  }
  if (caches.size() > 1 && caches.size() <= most) {
    return group_by(cpus, "LLC", [](const Cpu& cpu) { return cpu.llc; });
  }
  if (nodes.size() > 1 && nodes.size() <= most) {
    return group_by(cpus, "node", [](const Cpu& cpu) { return cpu.node; });
  }
  CpuGroups out = group_cpus(topology, most);
  for (std::string& label : out.labels) label.insert(0, "CPUs ");
  return out;
}

}  // namespace fusetrace
