// SPDX-License-Identifier: Apache-2.0
// The probe plan: for each point of a request's life the best hook that this
// kernel offers. A pure function of Features, shown by `fusetrace doctor` and
// stored in every recording.
#pragma once

#include <algorithm>
#include <string>
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

struct ProbePlan {
  std::vector<Probe> probes;          // one a point, in the order of a request's life
  std::vector<std::string> programs;  // names of the BPF programs to load
  // More of them: what each does only where the kernel skipped one of programs.
  std::vector<std::string> stand_ins;
  std::string missing;  // a point without which nothing can be traced; empty: none
};

// Whether a list of programs has this one.
inline bool named(const std::vector<std::string>& programs, const std::string& name) {
  return std::find(programs.begin(), programs.end(), name) != programs.end();
}

ProbePlan make_probe_plan(const Features& features, ProbePreference preference);

}  // namespace fusetrace
