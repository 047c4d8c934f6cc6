// SPDX-License-Identifier: Apache-2.0
// Reads a recording and hands on, block by block, the requests that pass the filter.
#pragma once

#include <functional>
#include <span>
#include <string>

#include "commands/filter_options.h"
#include "fusetrace.h"
#include "model/capture_info.h"
#include "model/error.h"

namespace fusetrace {

// What is known only after the whole recording has been read.
struct RecordingEnd {
  CaptureInfo info;
  Losses losses;
  std::string truncation;  // empty: it does not end early
};

// Calls begin once, with what the header of the recording says, and then block once for each
// block. Shows a progress bar on stderr while it reads, where stderr is a terminal.
Result<RecordingEnd> read_requests(
    const std::string& path, const FilterOptions& filter_options,
    const std::function<void(const CaptureInfo&)>& begin,
    const std::function<void(std::span<const ft_request>, std::span<const ft_task>)>& block);

}  // namespace fusetrace
