// SPDX-License-Identifier: Apache-2.0
// The report as text.
#pragma once

#include <string>

#include "model/snapshot.h"
#include "views/text/render_options.h"

namespace fusetrace {

// Names of the tables that RenderOptions::by picks.
inline constexpr const char* report_tables[] = {"opcode", "connection", "client",
                                                "server", "cpu",        "pickup"};

std::string render_report_text(const Snapshot& snapshot, const RenderOptions& options);

// The parts, for other views.
std::string render_losses(const Snapshot& snapshot);

}  // namespace fusetrace
