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

// FUSE mounts of one mountinfo file, by connection number. A file system that is mounted
// several times keeps its first mount point, of those where all of it is mounted.
std::map<uint32_t, Connection> parse_mountinfo(std::istream& in);

// Whether this kernel can give a connection several input queues, and tells of them.
bool has_input_queues();

// The file "queues" of a connection under fusectl; empty when it is not understood.
std::vector<InputQueue> parse_queues(std::istream& in);

// Connections seen from this process's mount namespace, and from the mount
// namespaces of the given servers for those that are not in it.
std::map<uint32_t, Connection> find_connections(std::span<const ft_open_device> devices);

// The connection that serves path: a mount point, or anything below one. It is the file
// system that stat(2) would show there, found from mount tables alone, so that a hung server
// cannot hang us. Where our own mount namespace has no FUSE file system there, the other
// namespaces are asked. Errors: none has one, or several have different ones.
Result<uint32_t> connection_of_mount(const std::string& path);

// Errors: there is no FUSE connection of this number, or it cannot be told.
Result<void> check_connection_exists(uint32_t number);

}  // namespace fusetrace
