// SPDX-License-Identifier: Apache-2.0
// Mounting the bench's file system, without a mount helper.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "bench/shared_memory.h"
#include "model/error.h"

namespace fusetrace {

// Opens the FUSE device. Errors: there is none, or no right to it.
Result<int> open_fuse_device(bool nonblock);

// Chooses where to mount, makes the private directory if no mount point is given, and mounts.
// It writes the paths into the state before each step, so that any process that survives can
// undo the step. Errors: the path is not a directory, or the right to mount is missing.
Result<void> mount_bench(SharedState& state, const std::string& mount_point, int device);

inline constexpr const char* bench_fstype = "fuse.fusetrace-bench";

// The connection number, as under the fusectl file system, of a bench whose
// mount is the topmost one on this absolute path.
std::optional<uint32_t> bench_connection_at(std::string_view path);

// Whether the topmost mount on this absolute path is a bench's.
bool bench_is_mounted_at(std::string_view path);

// Unmounts at once what the state names, even while files are open, and removes the private
// directory. It does no harm when another process does the same or has done it already.
void clean_up_mount(SharedState& state);

// Unmounts when the mount is no longer in use, or after the limit at the latest, and removes the
// private directory. Returns false when it was still in use after the limit. The connection,
// and with it the server, then stays until its users have left.
bool unmount_bench(SharedState& state, unsigned limit_ms);

}  // namespace fusetrace
