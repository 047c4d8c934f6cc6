// SPDX-License-Identifier: Apache-2.0
// A look at kernel objects by BPF iterators: open FUSE devices and their servers' threads.
#pragma once

#include <vector>

#include "fusetrace.h"
#include "model/error.h"

struct fusetrace_bpf;

namespace fusetrace {

// FUSE devices that processes hold open now, found by walking all open files in the
// kernel. Errors: the iterator cannot be attached, run or read, with the errno.
[[nodiscard]] Result<std::vector<ft_open_device>> scan_devices(fusetrace_bpf& object);

// Threads of the processes that scan_devices() found last. Errors: as there.
[[nodiscard]] Result<std::vector<ft_server_thread>> scan_server_threads(fusetrace_bpf& object);

// As scan_devices(), without a capture. Errors: those of loading too.
[[nodiscard]] Result<std::vector<ft_open_device>> scan_open_devices();

}  // namespace fusetrace
