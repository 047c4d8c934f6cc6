// SPDX-License-Identifier: Apache-2.0
// Paths of cgroups by their numbers.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <unordered_map>

namespace fusetrace {

// The paths below the root of the cgroup v2 hierarchy ("/" for the root itself) of
// those of the given cgroups that are found there, by the number of their directory
// (kernfs_node.id). Reads directories of cgroup v2 alone.
std::unordered_map<uint64_t, std::string> cgroup_paths(const std::set<uint64_t>& wanted);

}  // namespace fusetrace
