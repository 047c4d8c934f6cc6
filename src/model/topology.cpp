// SPDX-License-Identifier: Apache-2.0
#include "model/topology.h"

#include <algorithm>

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
  } else {
    cpus_.insert(at, cpu);
  }
  number();
}

void Topology::number() {
  if (cpus_.empty()) return;
  places_.assign(cpus_.back().id + 1, {});
  for (const Cpu& cpu : cpus_) places_[cpu.id] = {cpu.core, cpu.llc, cpu.node, 1};
}

size_t Topology::online_count() const {
  return static_cast<size_t>(
      std::count_if(cpus_.begin(), cpus_.end(), [](const Cpu& cpu) { return cpu.online; }));
}

Distance Topology::distance(uint32_t from, uint32_t to) const {
  const ft_cpu_place* a = from < places_.size() ? &places_[from] : nullptr;
  const ft_cpu_place* b = to < places_.size() ? &places_[to] : nullptr;
  return static_cast<Distance>(ft_distance(from, to, a, b));
}

}  // namespace fusetrace
