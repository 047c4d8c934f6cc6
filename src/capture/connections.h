// SPDX-License-Identifier: Apache-2.0
// FUSE connections by what /proc shows: mount points and servers.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "fusetrace.h"
#include "model/capture_info.h"
#include "model/error.h"

namespace fusetrace {

// FUSE mounts of one mountinfo file, by connection number. A file system that
// is mounted several times keeps its first mount point.
std::map<uint32_t, Connection> parse_mountinfo(std::istream& in);

// Whether this kernel can give a connection several input queues, and tells of them.
bool has_input_queues();

// The file "queues" of a connection under fusectl; empty when it is not understood.
std::vector<InputQueue> parse_queues(std::istream& in);

// Connections seen from this process's mount namespace, and from the mount
// namespaces of the given servers for those that are not in it.
std::map<uint32_t, Connection> find_connections(std::span<const ft_open_device> devices);

// The connection that serves path: the number of the file system it lies on,
// taken from the mount table alone, so that a hung server cannot hang us.
// Errors: path does not exist in the table, or is no FUSE mount.
Result<uint32_t> connection_of_mount(const std::string& path);

}  // namespace fusetrace
