// SPDX-License-Identifier: Apache-2.0
// A recording's requests that pass the filter, handed on block by block.
#pragma once

#include <functional>
#include <span>
#include <string>

#include "commands/filter_options.h"
#include "fusetrace.h"
#include "model/capture_info.h"
#include "model/error.h"

namespace fusetrace {

// What is known once a recording has been read.
struct RecordingEnd {
  CaptureInfo info;
  Losses losses;
  std::string truncation;  // empty: it does not end early
};

// Calls begin once, with what the recording says at its start, and then block
// for each block. Shows a bar on stderr while it reads, where that is a
// terminal.
Result<RecordingEnd> read_requests(
    const std::string& path, const FilterOptions& filter_options,
    const std::function<void(const CaptureInfo&)>& begin,
    const std::function<void(std::span<const ft_request>, std::span<const ft_task>)>& block);

}  // namespace fusetrace
