// SPDX-License-Identifier: Apache-2.0
#include "commands/filter_options.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "capture/mounts.h"
#include "model/opcode.h"

namespace fusetrace {

void add_filter_options(CLI::App& app, FilterOptions& options) {
  // Each takes one word, and may be repeated; taking more, it would take the file's name too.
  app.add_option("--connection", options.connections, "only these connections: 39,41")
      ->delimiter(',')
      ->type_name("N,…")
      ->allow_extra_args(false);
  app.add_option("--mount", options.mounts, "only the file system that this path was in")
      ->type_name("PATH")
      ->allow_extra_args(false);
  app.add_option("-p,--pid", options.pids, "only these processes, as client or as server: 812,97")
      ->delimiter(',')
      ->type_name("PID,…")
      ->allow_extra_args(false);
  app.add_option("--opcode", options.opcodes, "only these requests: GETATTR,READ,…")
      ->delimiter(',')
      ->type_name("NAME,…")
      ->allow_extra_args(false);
}

std::vector<std::string> describe_filters(const FilterOptions& options) {
  std::vector<std::string> out;
  for (const uint32_t n : options.connections) out.push_back(fmt::format("--connection {}", n));
  for (const std::string& mount : options.mounts) out.push_back("--mount " + mount);
  for (const uint32_t pid : options.pids) out.push_back(fmt::format("--pid {}", pid));
  for (const std::string& opcode : options.opcodes) out.push_back("--opcode " + opcode);
  return out;
}

namespace {

// The longest mount point of the recording that this path is or lies below; empty: none.
std::string mount_of(const std::string& path, const CaptureInfo& info) {
  std::string found;
  for (const auto& [id, connection] : info.connections) {
    const std::string& mount = connection.mount;
    if (mount.size() <= found.size()) continue;
    if (path == mount || mount == "/" || path.starts_with(mount + "/")) found = mount;
  }
  return found;
}

}  // namespace

Result<Filter> resolve_filter(const FilterOptions& options, const CaptureInfo& info) {
  Filter filter;
  filter.connections.insert(options.connections.begin(), options.connections.end());
  filter.pids.insert(options.pids.begin(), options.pids.end());
  for (const std::string& mount : options.mounts) {
    const auto absolute = absolute_path(mount);
    if (!absolute) return tl::make_unexpected(absolute.error());
    const std::string found = mount_of(normal_path(*absolute), info);
    for (const auto& [id, connection] : info.connections) {
      if (!found.empty() && connection.mount == found) filter.connections.insert(id);
    }
    if (found.empty()) {
      return fail(fmt::format("the recording has no file system mounted at {}", mount),
                  "`fusetrace report --by connection` shows those it has");
    }
  }
  for (const std::string& name : options.opcodes) {
    const auto number = opcode_number(name);
    if (!number) {
      return fail(fmt::format("there is no FUSE opcode {}", name),
                  "names are those of linux/fuse.h without FUSE_: GETATTR, READ, LOOKUP, …");
    }
    filter.opcodes.insert(*number);
  }
  return filter;
}

}  // namespace fusetrace
