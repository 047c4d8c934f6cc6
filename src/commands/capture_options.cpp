// SPDX-License-Identifier: Apache-2.0
#include "commands/capture_options.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <charconv>

#include "capture/connections.h"
#include "commands/choices.h"
#include "model/opcode.h"

namespace fusetrace {

void add_capture_options(CLI::App& app, CaptureOptions& options) {
  // Each takes one word, and may be repeated; taking more, CLI11 would take the -- that follows.
  app.add_option("--connection", options.connections,
                 "follow these FUSE connections only (numbers as `list` shows them): 39,41")
      ->delimiter(',')
      ->type_name("N,…")
      ->allow_extra_args(false);
  app.add_option("--mount", options.mounts, "follow the file system that this path is in only")
      ->type_name("PATH")
      ->allow_extra_args(false);
  app.add_option("-p,--pid", options.pids,
                 "follow these processes only, as client or as server: 812,97")
      ->delimiter(',')
      ->type_name("PID,…")
      ->allow_extra_args(false);
  app.add_option("--cgroup", options.cgroups, "follow clients in this cgroup v2 directory only")
      ->type_name("PATH")
      ->allow_extra_args(false);
  app.add_option("--opcode", options.opcodes, "follow these requests only: GETATTR,READ,…")
      ->delimiter(',')
      ->type_name("NAME,…")
      ->allow_extra_args(false);
  app.add_option("-d,--duration", options.duration, "stop after this time: 500ms, 10s, 2m");
  app.add_option("--buffer", options.buffer, "size of the ring of each CPU: 512K, 4M (default 4M)")
      ->check([](const std::string& text) {
        const auto bytes = parse_bytes(text);
        return bytes ? std::string() : bytes.error().message;
      });
  app.add_option("--probes", options.probes,
                 "best, or one kind of hook to see a request through: tracepoint, fentry, kprobe")
      ->type_name("KIND")
      ->check(one_of("kind of hook", {"best", "tracepoint", "fentry", "kprobe"}));
}

Result<uint64_t> parse_bytes(const std::string& text) {
  uint64_t value = 0;
  const auto [after, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const std::string unit(after, text.data() + text.size());
  int shift = 0;
  if (unit == "K" || unit == "k" || unit == "KiB")
    shift = 10;
  else if (unit == "M" || unit == "MiB")
    shift = 20;
  else if (unit == "G" || unit == "GiB")
    shift = 30;
  else if (!unit.empty())
    shift = -1;
  if (error != std::errc() || shift < 0 || value == 0 || value >> (62 - shift) != 0) {
    return fail(fmt::format("'{}' is not a size", text), "write bytes, or a number with K, M or G");
  }
  return value << shift;
}

Result<TracerOptions> resolve_capture_options(const CaptureOptions& options) {
  TracerOptions out;
  out.connections = options.connections;
  for (const std::string& mount : options.mounts) {
    auto number = connection_of_mount(mount);
    if (!number) return tl::make_unexpected(number.error());
    out.connections.push_back(*number);
  }
  for (const uint32_t pid : options.pids) {
    if (access(fmt::format("/proc/{}", pid).c_str(), F_OK) != 0) {
      return fail(fmt::format("there is no process {}", pid), "`fusetrace list` shows the servers");
    }
    out.pids.push_back(pid);
  }
  out.cgroups = options.cgroups;
  for (const std::string& name : options.opcodes) {
    const auto number = opcode_number(name);
    if (!number) {
      return fail(fmt::format("there is no FUSE opcode {}", name),
                  "names are those of linux/fuse.h without FUSE_: GETATTR, READ, LOOKUP, …");
    }
    out.opcodes.push_back(*number);
  }
  if (!options.buffer.empty()) {
    auto bytes = parse_bytes(options.buffer);
    if (!bytes) return tl::make_unexpected(bytes.error());
    out.ring_bytes = *bytes;
  }
  if (options.probes == "tracepoint") out.preference = ProbePreference::tracepoint;
  if (options.probes == "fentry") out.preference = ProbePreference::fentry;
  if (options.probes == "kprobe") out.preference = ProbePreference::kprobe;
  out.log = [](const char* line) {
    // The verifier's log is one message of many lines.
    for (std::string_view text(line); !text.empty();) {
      const size_t end = std::min(text.find('\n'), text.size());
      if (end > 0) spdlog::debug("libbpf: {}", text.substr(0, end));
      text.remove_prefix(std::min(end + 1, text.size()));
    }
  };
  return out;
}

std::vector<std::string> describe_filters(const CaptureOptions& options) {
  std::vector<std::string> filters;
  for (const uint32_t n : options.connections) filters.push_back(fmt::format("--connection {}", n));
  for (const auto& mount : options.mounts) filters.push_back("--mount " + mount);
  for (const uint32_t pid : options.pids) filters.push_back(fmt::format("--pid {}", pid));
  for (const auto& cgroup : options.cgroups) filters.push_back("--cgroup " + cgroup);
  for (const auto& opcode : options.opcodes) filters.push_back("--opcode " + opcode);
  return filters;
}

}  // namespace fusetrace
