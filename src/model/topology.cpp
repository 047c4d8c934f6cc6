// SPDX-License-Identifier: Apache-2.0
#include "model/topology.h"

#include <algorithm>

#include "fusetrace.h"
#include "model/limits.h"

namespace fusetrace {

Topology::Topology(std::vector<Cpu> cpus) {
  std::erase_if(cpus, [](const Cpu& cpu) { return cpu.id >= limits::cpus; });
  // Of one that is named twice, the last.
  std::stable_sort(cpus.begin(), cpus.end(),
                   [](const Cpu& a, const Cpu& b) { return a.id < b.id; });
  for (Cpu& cpu : cpus) {
    if (!cpus_.empty() && cpus_.back().id == cpu.id) {
      cpus_.back() = cpu;
    } else {
      cpus_.push_back(cpu);
    }
  }
  number();
}

void Topology::add(Cpu cpu) {
  if (cpu.id >= limits::cpus) return;
  const auto at = std::lower_bound(cpus_.begin(), cpus_.end(), cpu.id,
                                   [](const Cpu& a, uint32_t id) { return a.id < id; });
  if (at != cpus_.end() && at->id == cpu.id) {
    *at = cpu;
    return;
  }
  cpus_.insert(at, cpu);
  number();
}

void Topology::number() {
  if (cpus_.empty()) return;
  index_.assign(cpus_.back().id + 1, 0);
  for (size_t i = 0; i < cpus_.size(); ++i) index_[cpus_[i].id] = static_cast<uint32_t>(i) + 1;
}

size_t Topology::online_count() const {
  return static_cast<size_t>(
      std::count_if(cpus_.begin(), cpus_.end(), [](const Cpu& cpu) { return cpu.online; }));
}

Distance Topology::distance(uint32_t from, uint32_t to) const {
  if (from == FT_CPU_UNKNOWN || to == FT_CPU_UNKNOWN) return Distance::unknown;
  if (from == to) return Distance::same_cpu;
  const uint32_t a = from < index_.size() ? index_[from] : 0;
  const uint32_t b = to < index_.size() ? index_[to] : 0;
  if (a == 0 || b == 0) return Distance::unknown;
  const Cpu& x = cpus_[a - 1];
  const Cpu& y = cpus_[b - 1];
  if (x.core == y.core) return Distance::same_core;
  if (x.llc == y.llc) return Distance::same_llc;
  return x.node == y.node ? Distance::same_node : Distance::cross_node;
}

}  // namespace fusetrace
