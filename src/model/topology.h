// SPDX-License-Identifier: Apache-2.0
// Which CPUs share what: the distance between two CPUs, nearest first.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "facts.h"

namespace fusetrace {

// The distance of a hop between two CPUs. The order is the order of distance;
// the numbers index tables and must stay as they are.
enum class Distance : uint8_t {
  same_cpu = FT_DISTANCE_SAME_CPU,
  same_core = FT_DISTANCE_SAME_CORE,
  same_llc = FT_DISTANCE_SAME_LLC,
  same_node = FT_DISTANCE_SAME_NODE,
  cross_node = FT_DISTANCE_CROSS_NODE,
  unknown = FT_DISTANCE_UNKNOWN,
};
inline constexpr size_t distance_count = FT_DISTANCES;
inline constexpr std::array<std::string_view, distance_count> distance_names = {
    "same_cpu", "same_core", "same_llc", "same_node", "cross_node", "unknown"};

// One CPU as sysfs describes it. The ids are small numbers that are equal for
// CPUs that share the thing and mean nothing else.
struct Cpu {
  uint32_t id = 0;
  uint32_t core = 0;
  uint32_t llc = 0;
  uint32_t node = 0;
  bool online = true;
};

class Topology {
 public:
  Topology() = default;
  // The CPUs in any order. A CPU that comes later is added with add().
  // Numbers from limits::cpus on are left out.
  explicit Topology(std::vector<Cpu> cpus);

  // Adds a CPU, or replaces the one with that id.
  void add(Cpu cpu);

  // Sorted by id; offline CPUs are kept with online = false.
  const std::vector<Cpu>& cpus() const { return cpus_; }
  size_t online_count() const;

  // unknown when either number is FT_CPU_UNKNOWN, or when the two differ and
  // one of them is not in the topology.
  Distance distance(uint32_t from, uint32_t to) const;

 private:
  void number();

  std::vector<Cpu> cpus_;
  std::vector<ft_cpu_place> places_;  // by CPU number; absent: not known
};

}  // namespace fusetrace
