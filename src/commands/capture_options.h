// SPDX-License-Identifier: Apache-2.0
// The options that every capturing command has: which requests to follow, and how long.
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
  std::string duration;  // as parse_duration() reads it; empty: the capture has no end
  std::string buffer;    // bytes with K, M or G
  std::string probes = "best";
};

void add_capture_options(CLI::App& app, CaptureOptions& options);

// Turns the names of mounts and opcodes into numbers. Errors: a mount, process or opcode
// that does not exist; the message names it.
Result<TracerOptions> resolve_capture_options(const CaptureOptions& options);

// The filters as the user wrote them, for the header of a recording.
std::vector<std::string> describe_filters(const CaptureOptions& options);

// Reads "4M", "512K" or plain bytes.
Result<uint64_t> parse_bytes(const std::string& text);

}  // namespace fusetrace
