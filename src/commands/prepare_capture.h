// SPDX-License-Identifier: Apache-2.0
// What record, stat, top and serve do in the same way before their capture starts.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "capture/features.h"
#include "capture/tracer.h"
#include "capture/workload.h"
#include "commands/capture_options.h"
#include "commands/complain.h"
#include "model/capture_info.h"
#include "model/error.h"
#include "system/signals.h"

namespace fusetrace {

struct PreparedCapture {
  TracerOptions tracer;
  std::optional<std::chrono::nanoseconds> duration;  // none: no end
  Features features;
};

// Reads the options, has the kernel load FUSE where it is a module, and sees what this
// kernel offers. Errors: those of resolve_capture_options() and parse_duration(), and what
// is missing to trace at all, and a connection that does not exist.
[[nodiscard]] tl::expected<PreparedCapture, Refusal> prepare_capture(const CaptureOptions& options);

// The time between two reports. Errors: not a duration, or shorter than the least.
[[nodiscard]] Result<std::chrono::nanoseconds> parse_interval(const std::string& text,
                                                              std::chrono::milliseconds least);

// The process of a command that waits for begin_capture(); none where no command is given.
// Errors: those of Workload::prepare().
[[nodiscard]] Result<std::optional<Workload>> prepare_workload(
    const std::vector<std::string>& command);

// Once the capture runs: lets the command run. Without one, says on stderr what happens
// now and how to end it. Errors: the command cannot be executed.
[[nodiscard]] Result<void> begin_capture(std::optional<Workload>& workload, std::string_view what);

// What is known of a capture at its start.
CaptureInfo describe_capture(const std::vector<std::string>& command, const CaptureOptions& options,
                             const Tracer& tracer, uint32_t sample_n);

}  // namespace fusetrace
