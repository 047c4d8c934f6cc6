// SPDX-License-Identifier: Apache-2.0
// The probe plan: for each point of a request's life the best hook that this
// kernel offers. A pure function of Features, shown by `fusetrace doctor` and
// stored in every recording.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "capture/features.h"
#include "model/capture_info.h"

namespace fusetrace {

// Lets a user force a worse choice, to compare or to test.
enum class ProbePreference {
  best,
  tracepoint,  // no function hooks at all
  fentry,
  kprobe,
};

// When the stand-ins of a program are attached. They have to run after it.
enum class StandInOrder {
  after,   // at a tracepoint programs run in the order in which they were attached
  before,  // at a function they run in the reverse order
};

// A BPF program to load and attach.
struct PlannedProgram {
  std::string program;  // its name in the BPF object
  // Programs at the same hook that do what this one was skipped for; empty where it
  // cannot be preempted. As many as are named here, in the order of attachment.
  std::vector<std::string> stand_ins = {};
  StandInOrder order = StandInOrder::after;
  // What it is skipped for, and no stand-in sees, shows as an incomplete request.
  // Otherwise the kernel's count of skipped runs is a loss of its own.
  bool skips_show = false;
};

struct ProbePlan {
  std::vector<Probe> probes;  // one a point, in the order of a request's life
  std::vector<PlannedProgram> programs;
  std::string missing;  // a point without which nothing can be traced; empty: none

  bool loads(std::string_view program) const;
  // All names in the order in which they are attached.
  std::vector<std::string> attach_order() const;
  // Whether a program of the plan may be preempted.
  bool is_preemptible() const;
};

ProbePlan make_probe_plan(const Features& features, ProbePreference preference);

}  // namespace fusetrace
