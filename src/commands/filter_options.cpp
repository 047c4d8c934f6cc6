// SPDX-License-Identifier: Apache-2.0
#include "commands/filter_options.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "model/opcode.h"

namespace fusetrace {

void add_filter_options(CLI::App& app, FilterOptions& options) {
  // Each takes one value, and may be repeated; taking more, it would take the file's name too.
  app.add_option("--connection", options.connections, "only this connection")
      ->allow_extra_args(false);
  app.add_option("--mount", options.mounts, "only the file system that was mounted here")
      ->allow_extra_args(false);
  app.add_option("-p,--pid", options.pids, "only this process, as client or as server")
      ->allow_extra_args(false);
  app.add_option("--opcode", options.opcodes, "only these requests: GETATTR,READ,…")
      ->delimiter(',')
      ->allow_extra_args(false);
}

Result<Filter> resolve_filter(const FilterOptions& options, const CaptureInfo& info) {
  Filter filter;
  filter.connections.insert(options.connections.begin(), options.connections.end());
  filter.pids.insert(options.pids.begin(), options.pids.end());
  for (const std::string& mount : options.mounts) {
    bool found = false;
    for (const auto& [id, connection] : info.connections) {
      if (connection.mount == mount) {
        filter.connections.insert(id);
        found = true;
      }
    }
    if (!found) {
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
