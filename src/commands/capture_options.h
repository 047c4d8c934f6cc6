// SPDX-License-Identifier: Apache-2.0
// Options shared by every command that captures: what to follow, and how long.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "capture/tracer.h"
#include "model/error.h"

namespace CLI {
class App;
}

namespace fusetrace {

struct CaptureOptions {
  std::vector<uint32_t> connections;
  std::vector<std::string> mounts;
  std::vector<uint32_t> pids;
  std::vector<std::string> cgroups;
  std::vector<std::string> opcodes;
  std::string duration;  // a TIME; empty: no end
  std::string buffer;    // bytes with K, M or G
  std::string probes = "best";
};

void add_capture_options(CLI::App& app, CaptureOptions& options);

// Turns names into what the tracer takes. Errors: no such mount, process or
// opcode, each named.
Result<TracerOptions> resolve_capture_options(const CaptureOptions& options);

// The filters as they were given, for the recording's header.
std::vector<std::string> describe_filters(const CaptureOptions& options);

// Reads "4M", "512K" or plain bytes.
Result<uint64_t> parse_bytes(const std::string& text);

}  // namespace fusetrace
