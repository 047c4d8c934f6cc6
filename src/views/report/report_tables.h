// SPDX-License-Identifier: Apache-2.0
// The tables of the text report one by one, for the views that show some of
// them. Each is empty when there is nothing to show, and else begins with an
// empty line and its heading.
#pragma once

#include <string>

#include "model/snapshot.h"
#include "views/text/render_options.h"
#include "views/text/table.h"

namespace fusetrace {

std::string hop_table(const Cell& total, const ConnectionTotals& all, const RenderOptions& options);
std::string cpu_matrix(const Snapshot& s, const ConnectionTotals& all,
                       const RenderOptions& options);
std::string pickup_table(const Cell& total, const RenderOptions& options);
std::string placement_table(const Cell& total, const RenderOptions& options);
std::string stage_table(const Cell& total, const RenderOptions& options);
std::string shard_table(const Snapshot& s, const RenderOptions& options);
// As the kernel tells of one connection at this moment.
std::string queue_table(const Connection& connection, const RenderOptions& options);
std::string opcode_table(const Snapshot& s, const RenderOptions& options);

// What they are made of.
std::string heading(const std::string& text, const RenderOptions& options);
std::string quantile_text(const Histogram& histogram, double q);  // "-" when empty
Table group_table(const std::string& first);
void add_group_row(Table& table, const std::string& name, const Cell& cell);

}  // namespace fusetrace
