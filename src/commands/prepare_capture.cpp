// SPDX-License-Identifier: Apache-2.0
#include "commands/prepare_capture.h"

#include <fmt/format.h>
#include <sys/utsname.h>

#include "capture/connections.h"
#include "capture/topology_sysfs.h"
#include "commands/duration.h"
#include "commands/output.h"
#include "commands/version.h"
#include "system/clock.h"

namespace fusetrace {
namespace {

tl::unexpected<Refusal> refuse(const Error& error, int status = 1) {
  return tl::make_unexpected(Refusal{error, status});
}

}  // namespace

tl::expected<PreparedCapture, Refusal> prepare_capture(const CaptureOptions& options) {
  PreparedCapture out;
  if (!options.duration.empty()) {
    const auto duration = parse_duration(options.duration);
    if (!duration) return refuse(duration.error(), wrong_usage);
    out.duration = *duration;
  }
  auto tracer = resolve_capture_options(options);
  if (!tracer) return refuse(tracer.error());
  out.tracer = std::move(*tracer);
  load_fuse();
  out.features = detect_features();
  if (const auto ok = check_requirements(out.features); !ok) return refuse(ok.error());
  for (const uint32_t number : options.connections) {
    if (const auto exists = check_connection_exists(number); !exists) {
      return refuse(exists.error());
    }
  }
  return out;
}

Result<std::chrono::nanoseconds> parse_interval(const std::string& text,
                                                std::chrono::milliseconds least) {
  auto interval = parse_duration(text);
  if (interval && *interval < least) {
    return fail("an interval of " + text + " is too short",
                fmt::format("{}ms or more", least.count()));
  }
  return interval;
}

Result<std::optional<Workload>> prepare_workload(const std::vector<std::string>& command) {
  std::optional<Workload> workload;
  if (command.empty()) return workload;
  auto prepared = Workload::prepare(command);
  if (!prepared) return tl::make_unexpected(prepared.error());
  workload.emplace(std::move(*prepared));
  return workload;
}

Result<void> begin_capture(std::optional<Workload>& workload, std::string_view what) {
  if (workload) return workload->release();
  say("{}; Ctrl-C ends it.", what);
  return {};
}

CaptureInfo describe_capture(const std::vector<std::string>& command, const CaptureOptions& options,
                             const Tracer& tracer, uint32_t sample_n) {
  CaptureInfo info;
  utsname name{};
  uname(&name);
  info.kernel = name.release;
  info.machine = name.machine;
  info.hostname = name.nodename;
  info.fusetrace_version = FUSETRACE_VERSION;
  info.command_line = command;
  info.filters = describe_filters(options);
  info.topology = read_topology();
  info.probes = tracer.plan().probes;
  info.start_ns = capture_clock_ns();
  info.realtime_offset_ns =
      static_cast<int64_t>(clock_ns(CLOCK_REALTIME)) - static_cast<int64_t>(info.start_ns);
  info.boottime_offset_ns =
      static_cast<int64_t>(clock_ns(CLOCK_BOOTTIME)) - static_cast<int64_t>(info.start_ns);
  info.sample_n = sample_n;
  return info;
}

}  // namespace fusetrace
