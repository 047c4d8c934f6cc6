// SPDX-License-Identifier: Apache-2.0
// The filter options of commands that read a recording. Their names are those of the
// options that filter while capturing.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "model/capture_info.h"
#include "model/error.h"
#include "model/filter.h"

namespace CLI {
class App;
}

namespace fusetrace {

struct FilterOptions {
  std::vector<uint32_t> connections;
  std::vector<std::string> mounts;
  std::vector<uint32_t> pids;
  std::vector<std::string> opcodes;
};

void add_filter_options(CLI::App& app, FilterOptions& options);

// The filters as they were given: "--opcode GETATTR".
std::vector<std::string> describe_filters(const FilterOptions& options);

// A mount point means every file system that was mounted there in the capture. Errors: none
// was mounted at this path or above it, an unknown opcode.
Result<Filter> resolve_filter(const FilterOptions& options, const CaptureInfo& info);

}  // namespace fusetrace
