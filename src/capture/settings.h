// SPDX-License-Identifier: Apache-2.0
// What the BPF programs are told before they are loaded: filters, sampling, sizes.
#pragma once

#include <string>
#include <vector>

#include "capture/features.h"
#include "capture/tracer.h"
#include "model/error.h"
#include "system/descriptor.h"

struct fusetrace_bpf;

namespace fusetrace {

// Writes the settings of an object that is opened and not loaded, and sizes its maps.
// Errors: too many filters of one kind, an opcode that is out of range, no CPU count.
[[nodiscard]] Result<void> write_settings(fusetrace_bpf& object, const TracerOptions& options,
                                          const Features& features, const ProbePlan& plan);

// Installs the cgroup filters in a loaded object; they hold while the descriptors are
// open. Errors: the path cannot be opened, or is not a cgroup v2 directory.
[[nodiscard]] Result<std::vector<Descriptor>> install_cgroups(
    fusetrace_bpf& object, const std::vector<std::string>& paths);

}  // namespace fusetrace
