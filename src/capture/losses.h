// SPDX-License-Identifier: Apache-2.0
// What the programs of a capture lost, and how long they ran.
#pragma once

#include "capture/probe_plan.h"
#include "model/capture_info.h"

struct fusetrace_bpf;

namespace fusetrace {

// The losses that the kernel side counted since the start: those of the programs
// themselves, and runs that the kernel skipped.
Losses read_losses(const fusetrace_bpf& object, const ProbePlan& plan);

// Seconds that the programs ran while the kernel was told to count them.
double read_run_seconds(const fusetrace_bpf& object);

}  // namespace fusetrace
