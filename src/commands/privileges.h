// SPDX-License-Identifier: Apache-2.0
// What a process that only serves what it has already attached can do without.
#pragma once

#include <string>

#include "model/error.h"

namespace fusetrace {

// Gives up every capability but those that reading the totals takes on this
// kernel, and root's identity where the process has it; nothing that it runs can
// get any back. Of the whole process, so before any thread is started. Returns
// what is kept, for the log: "none", "cap_bpf". Errors: the kernel refused.
Result<std::string> drop_privileges(const std::string& kernel_release);

// Whether the kernel wants CAP_BPF for each look into a map: before 6.4, where
// unprivileged BPF is disabled ("bpf: Move unprivileged checks into map_create()
// and bpf_prog_load()").
bool looking_takes_cap_bpf(const std::string& kernel_release);

}  // namespace fusetrace
