// SPDX-License-Identifier: Apache-2.0
// The report as one self-contained HTML page, which needs no network.
#pragma once

#include <string>

#include "model/snapshot.h"

namespace fusetrace {

std::string render_report_page(const Snapshot& snapshot);

}  // namespace fusetrace
