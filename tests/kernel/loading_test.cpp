// SPDX-License-Identifier: Apache-2.0
// Every combination of settings that changes what the verifier sees is loaded on the kernel
// at hand, and no chain of calls takes more stack than the oldest kernel allows.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "capture/bpf_object.h"
#include "capture/features.h"
#include "capture/settings.h"

namespace fusetrace {
namespace {

struct Shape {
  ProbePreference preference = ProbePreference::best;
  bool preemptible = false;
  bool totals = false;
  bool filters = false;  // all kinds at once, and a sample
};

std::string name_of(const Shape& shape) {
  const char* const preferences[] = {"best", "tracepoint", "fentry", "kprobe"};
  return std::string(preferences[static_cast<size_t>(shape.preference)]) +
         (shape.preemptible ? " preemptible" : "") + (shape.totals ? " totals" : " records") +
         (shape.filters ? " filters" : "");
}

std::vector<Shape> all_shapes() {
  std::vector<Shape> shapes;
  for (const auto preference : {ProbePreference::best, ProbePreference::tracepoint,
                                ProbePreference::fentry, ProbePreference::kprobe}) {
    for (const bool preemptible : {false, true}) {
      for (const bool totals : {false, true}) {
        for (const bool filters : {false, true}) {
          shapes.push_back({preference, preemptible, totals, filters});
        }
      }
    }
  }
  return shapes;
}

// The verifier's statistics end with "stack depth 112+232+64": the program and each of its
// functions. Kernels up to 6.7 round each up to 32 bytes and allow 512 for a chain of calls
// (kernel/bpf/verifier.c, check_max_stack_depth()). All functions together are more than any
// chain of them.
int most_stack(const char* log) {
  const char* found = std::strstr(log, "stack depth ");
  if (found == nullptr) return -1;
  int sum = 0;
  for (const char* at = found + std::strlen("stack depth "); *at >= '0' && *at <= '9';) {
    char* end = nullptr;
    const long depth = std::strtol(at, &end, 10);
    sum += static_cast<int>((std::max(depth, 1L) + 31) / 32 * 32);
    at = *end == '+' ? end + 1 : end;
  }
  return sum;
}

TEST(Loading, EveryShapeLoadsWithinTheStackOfTheOldestKernel) {
  const Features found = detect_features();
  if (!check_requirements(found)) GTEST_SKIP() << check_requirements(found).error().message;
  constexpr size_t log_bytes = 4096;
  for (const Shape& shape : all_shapes()) {
    SCOPED_TRACE(name_of(shape));
    // Not shipped: what is done against preemption where programs cannot be preempted. 6.12
    // refuses a call of a global function while preemption is off.
    if (shape.preemptible && !found.preemptible_tracepoints && !found.preemptible_functions)
      continue;
    Features features = found;
    features.preemptible_tracepoints = features.preemptible_functions = shape.preemptible;
    const ProbePlan plan = make_probe_plan(features, shape.preference);
    // Not every kernel has all kinds of hooks; the best of those it has must be enough.
    if (shape.preference != ProbePreference::best && !plan.missing.empty()) continue;
    ASSERT_EQ(plan.missing, "");
    TracerOptions options;
    options.totals = shape.totals;
    if (shape.filters) {
      options.connections = {50};
      options.pids = {1};
      options.opcodes = {3, 15, 70};
      options.cgroups = {"/sys/fs/cgroup"};
      options.sample_n = 4;
    }
    auto object = open_object(plan);
    ASSERT_TRUE(object) << object.error().message;
    const auto written = write_settings(**object, options, features, plan);
    ASSERT_TRUE(written) << written.error().message;
    std::vector<std::string> logs(static_cast<size_t>((*object)->skeleton->prog_cnt),
                                  std::string(log_bytes, '\0'));
    size_t used = 0;
    bpf_program* program = nullptr;
    bpf_object__for_each_program(program, (*object)->obj) {
      if (!bpf_program__autoload(program)) continue;
      bpf_program__set_log_level(program, 4);  // BPF_LOG_STATS
      bpf_program__set_log_buf(program, logs[used++].data(), log_bytes);
    }
    const auto loaded = load_object(**object);
    ASSERT_TRUE(loaded) << loaded.error().message;
    used = 0;
    bpf_object__for_each_program(program, (*object)->obj) {
      if (!bpf_program__autoload(program)) continue;
      const int stack = most_stack(logs[used++].c_str());
      EXPECT_GE(stack, 0) << bpf_program__name(program) << ": the verifier told no stack depth";
      EXPECT_LE(stack, 512) << bpf_program__name(program);
    }
  }
}

}  // namespace
}  // namespace fusetrace
