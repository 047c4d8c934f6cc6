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

// Settles where to mount, makes the private directory if none is asked for,
// and mounts. Fills in the paths of the state before each step, so that any
// survivor can undo it. Errors: a mount point that does not do, no right.
Result<void> mount_bench(SharedState& state, const std::string& mount_point, int device);

inline constexpr const char* bench_fstype = "fuse.fusetrace-bench";

// The connection number, as under the fusectl file system, of a bench whose
// mount is the topmost one on this absolute path.
std::optional<uint32_t> bench_connection_at(std::string_view path);

// Whether the topmost mount on this absolute path is a bench's.
bool bench_is_mounted_at(std::string_view path);

// Unmounts and removes what the state says there is, at once, even under open
// files. Harmless when someone else does the same or did already.
void clean_up_mount(SharedState& state);

// Unmounts once nobody is in there any more, at the latest after the limit,
// and removes the private directory. False: somebody still was, so that the
// connection, and with it the server, goes on until they leave.
bool unmount_bench(SharedState& state, unsigned limit_ms);

}  // namespace fusetrace
