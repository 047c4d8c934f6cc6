// SPDX-License-Identifier: Apache-2.0
#include "capture/topology_sysfs.h"

#include <charconv>
#include <filesystem>
#include <fstream>
#include <map>

namespace fusetrace {
namespace {

namespace fs = std::filesystem;

std::string first_line(const fs::path& path) {
  std::ifstream in(path);
  std::string line;
  std::getline(in, line);
  return line;
}

// The smallest number in a CPU list: an id for whatever those CPUs share.
uint32_t lowest(const std::string& list, uint32_t otherwise) {
  const auto cpus = parse_cpu_list(list);
  return cpus.empty() ? otherwise : cpus.front();
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

std::vector<uint32_t> parse_cpu_list(const std::string& text) {
  std::vector<uint32_t> cpus;
  const char* at = text.data();
  const char* end = at + text.size();
  while (at < end) {
    uint32_t first = 0;
    auto [after, error] = std::from_chars(at, end, first);
    if (error != std::errc()) break;
    uint32_t last = first;
    if (after < end && *after == '-') {
      auto [after_last, error_last] = std::from_chars(after + 1, end, last);
      if (error_last != std::errc()) break;
      after = after_last;
    }
    for (uint32_t cpu = first; cpu <= last && cpu < 65535; ++cpu) cpus.push_back(cpu);
    if (after == end || *after != ',') break;
    at = after + 1;
  }
  return cpus;
}

Topology read_topology(const std::string& root) {
  const fs::path system = fs::path(root) / "devices/system";
  std::map<uint32_t, uint32_t> node_of;
  for (const uint32_t node : parse_cpu_list(first_line(system / "node/online"))) {
    const fs::path path = system / "node" / ("node" + std::to_string(node)) / "cpulist";
    for (const uint32_t cpu : parse_cpu_list(first_line(path))) node_of[cpu] = node;
  }

  std::vector<Cpu> cpus;
  for (const uint32_t id : parse_cpu_list(first_line(system / "cpu/present"))) {
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
