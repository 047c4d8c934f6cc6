// SPDX-License-Identifier: Apache-2.0
#include "capture/losses.h"

#include <algorithm>

#include "capture/bpf_object.h"

namespace fusetrace {
namespace {

// What the kernel says of a program; all zero where it is not loaded.
bpf_prog_info info_of(const bpf_program* program) {
  const int fd = bpf_program__fd(program);
  bpf_prog_info info{};
  __u32 size = sizeof(info);
  if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &size) != 0) return {};
  return info;
}

// Runs that the kernel skipped and whose events nothing else shows to be missing.
uint64_t skipped_runs(const fusetrace_bpf& object, const ProbePlan& plan) {
  uint64_t skipped = 0;
  for (const PlannedProgram& planned : plan.programs) {
    // A skipped run that already shows as an incomplete request is not counted again.
    if (planned.skips_show) continue;
    const bpf_program* program =
        bpf_object__find_program_by_name(object.obj, planned.program.c_str());
    if (program != nullptr) skipped += info_of(program).recursion_misses;
  }
  return skipped;
}

}  // namespace

Losses read_losses(const fusetrace_bpf& object, const ProbePlan& plan) {
  Losses sum;
  uint64_t stand_in_runs = 0;
  for (const ft_cpu_state& cpu : object.bss->cpus) {
    for (size_t i = 0; i < FT_LOSSES; ++i) sum.lost[i] += cpu.lost[i];
    for (size_t i = 0; i < FT_INCOMPLETES; ++i) sum.incomplete[i] += cpu.incomplete[i];
    stand_in_runs += cpu.stand_in_runs;
  }
  const uint64_t skipped = skipped_runs(object, plan);
  sum.lost[FT_LOSS_RECURSION] += skipped - std::min(skipped, stand_in_runs);
  return sum;
}

double read_run_seconds(const fusetrace_bpf& object) {
  uint64_t ns = 0;
  bpf_program* program = nullptr;
  bpf_object__for_each_program(program, object.obj) ns += info_of(program).run_time_ns;
  return static_cast<double>(ns) / 1e9;
}

}  // namespace fusetrace
