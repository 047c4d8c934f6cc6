// SPDX-License-Identifier: Apache-2.0
// The summary as JSON: what `report --json` and `stat --json` print
// (docs/schemas/report.json).
#pragma once

#include <string>

#include "model/snapshot.h"

namespace fusetrace {

// "schema": "fusetrace.report/1". Ends with a newline.
std::string render_report_json(const Snapshot& snapshot);
// The same in one line.
std::string render_report_json_line(const Snapshot& snapshot);

}  // namespace fusetrace
