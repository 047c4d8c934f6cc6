// SPDX-License-Identifier: Apache-2.0
#include "capture/settings.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>

#include "capture/bpf_object.h"
#include "capture/totals.h"

namespace fusetrace {

Result<void> write_settings(fusetrace_bpf& object, const TracerOptions& options,
                            const Features& features, const ProbePlan& plan) {
  auto* settings = object.rodata;
  constexpr size_t most = std::size(fusetrace_bpf::fusetrace_bpf__rodata{}.filter_connections);
  if (options.connections.size() > most || options.pids.size() > most ||
      options.cgroups.size() > most) {
    return fail(fmt::format("too many filters of one kind: at most {}", most));
  }
  settings->filter_connections_n = static_cast<uint32_t>(options.connections.size());
  std::copy(options.connections.begin(), options.connections.end(), settings->filter_connections);
  settings->filter_tgids_n = static_cast<uint32_t>(options.pids.size());
  std::copy(options.pids.begin(), options.pids.end(), settings->filter_tgids);
  settings->filter_cgroups_n = static_cast<uint32_t>(options.cgroups.size());
  settings->filter_opcodes = !options.opcodes.empty();
  for (const uint32_t opcode : options.opcodes) {
    if (opcode >= 128) return fail(fmt::format("opcode {} cannot be filtered for", opcode));
    settings->filter_opcode_bits[opcode / 64] |= 1ull << (opcode % 64);
  }
  settings->preemptible = plan.is_preemptible();
  settings->fuse_req_type = features.fuse_req_type;
  settings->has_sent_tracepoint = plan.loads("on_fuse_request_sent");
  settings->sample_n = std::max(options.sample_n, 1u);
  const uint32_t slots = std::bit_ceil(std::max(options.slots, 64u));
  settings->slot_mask = slots - 1;
  bpf_map__set_max_entries(object.maps.slots, slots);

  const int cpu_count = libbpf_num_possible_cpus();
  if (cpu_count < 1) return fail("cannot read the number of CPUs from /sys/devices/system/cpu");
  if (options.totals) {
    size_totals(object, static_cast<uint32_t>(cpu_count));
    return {};
  }
  settings->rings_n = static_cast<uint32_t>(cpu_count);
  bpf_map__set_max_entries(object.maps.rings, static_cast<uint32_t>(cpu_count));
  return {};
}

Result<std::vector<Descriptor>> install_cgroups(fusetrace_bpf& object,
                                                const std::vector<std::string>& paths) {
  std::vector<Descriptor> cgroups;
  uint32_t index = 0;
  for (const std::string& path : paths) {
    Descriptor cgroup(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!cgroup) return fail(fmt::format("cannot open cgroup {}: {}", path, strerror(errno)));
    const int fd = cgroup.get();
    if (bpf_map_update_elem(bpf_map__fd(object.maps.cgroups), &index, &fd, BPF_ANY) != 0) {
      return fail(fmt::format("{} is no cgroup v2 directory: {}", path, strerror(errno)));
    }
    cgroups.push_back(std::move(cgroup));
    ++index;
  }
  return cgroups;
}

}  // namespace fusetrace
