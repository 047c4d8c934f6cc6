// SPDX-License-Identifier: Apache-2.0
#include "capture/topology_sysfs.h"

#include <filesystem>
#include <fstream>
#include <map>

#include "system/cpu_list.h"

namespace fusetrace {
namespace {

namespace fs = std::filesystem;

std::string first_line(const fs::path& path) {
  std::ifstream in(path);
  std::string line;
  std::getline(in, line);
  return line;
}

// The numbers in a file of this directory tree; empty where the kernel has no such file.
std::vector<uint32_t> read_list(const fs::path& path) {
  return parse_cpu_list(first_line(path)).value_or(std::vector<uint32_t>{});
}

// The smallest number in a CPU list: an id for whatever those CPUs share.
uint32_t lowest(const std::string& list, uint32_t otherwise) {
  const auto cpus = parse_cpu_list(list);
  return cpus ? cpus->front() : otherwise;
}

// The CPUs that share the highest cache level of this one.
std::string last_level_cache_list(const fs::path& cpu) {
  std::string list;
  int best = 0;
  for (int i = 0; i < 16; ++i) {
    const fs::path index = cpu / "cache" / ("index" + std::to_string(i));
    const std::string level = first_line(index / "level");
    if (level.empty()) break;
    const int value = std::atoi(level.c_str());
    if (value > best && first_line(index / "type") != "Instruction") {
      best = value;
      list = first_line(index / "shared_cpu_list");
    }
  }
  return list;
}

}  // namespace

Topology read_topology(const std::string& root) {
  const fs::path system = fs::path(root) / "devices/system";
  std::map<uint32_t, uint32_t> node_of;
  for (const uint32_t node : read_list(system / "node/online")) {
    const fs::path path = system / "node" / ("node" + std::to_string(node)) / "cpulist";
    for (const uint32_t cpu : read_list(path)) node_of[cpu] = node;
  }

  std::vector<Cpu> cpus;
  for (const uint32_t id : read_list(system / "cpu/present")) {
    const fs::path path = system / "cpu" / ("cpu" + std::to_string(id));
    // cpu0 often has no "online" file: it cannot be taken offline.
    const std::string online = first_line(path / "online");
    Cpu cpu;
    cpu.id = id;
    cpu.online = online.empty() || online == "1";
    cpu.node = node_of.contains(id) ? node_of[id] : 0;
    // Renamed from thread_siblings_list in 5.0; the old name is still there.
    cpu.core = lowest(first_line(path / "topology/core_cpus_list"), id);
    const std::string package = first_line(path / "topology/package_cpus_list");
    // Without cache information (some guests) the package stands in for the LLC.
    cpu.llc = lowest(last_level_cache_list(path), lowest(package, id));
    cpus.push_back(cpu);
  }
  return Topology(std::move(cpus));
}

}  // namespace fusetrace
