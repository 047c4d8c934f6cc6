// SPDX-License-Identifier: Apache-2.0
// Gives up the privileges that are no longer needed once the BPF programs are attached.
#pragma once

#include <string>

#include "model/error.h"

namespace fusetrace {

// Gives up every capability that reading the totals does not need on this kernel, and the
// identity of root if the process has it. Neither the process nor a program that it runs can
// get them back. Capabilities belong to a thread, so call this before any thread is started.
// Returns which capabilities are kept, for the log: "none" or "cap_bpf". Errors: the kernel
// refused.
Result<std::string> drop_privileges(const std::string& kernel_release);

// Whether the kernel requires CAP_BPF for every read of a map. Kernels before 6.4 do where
// unprivileged BPF is disabled ("bpf: Move unprivileged checks into map_create() and
// bpf_prog_load()").
bool looking_takes_cap_bpf(const std::string& kernel_release);

}  // namespace fusetrace
