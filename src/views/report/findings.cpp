// SPDX-License-Identifier: Apache-2.0
#include "views/report/findings.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "model/opcode.h"
#include "views/report/finding_kinds.h"

namespace fusetrace {
namespace {

// Of each kind, the sentences about the requests that took most time or are most.
constexpr size_t most_of_a_kind = 3;

// Without evidence (running totals), only where the time passed.
std::vector<Finding> stages_of(const Cell& cell) {
  const auto& stages = cell.stages;
  const Histogram& whole = stages[static_cast<size_t>(Stage::total)];
  if (whole.count() < enough_requests || whole.sum() == 0) return {};
  auto share = [&](Stage stage) {
    return 100 * static_cast<double>(stages[static_cast<size_t>(stage)].sum()) /
           static_cast<double>(whole.sum());
  };
  if (share(Stage::queue) + share(Stage::service) + share(Stage::back) > 101) return {};
  return {{.kind = "stages",
           .text = fmt::format("{:.0f} % of the time passed in the queue, {:.0f} % in the server, "
                               "{:.0f} % on the return; a recording tells the causes apart.",
                               share(Stage::queue), share(Stage::service), share(Stage::back))}};
}

std::string name_of(const Snapshot& snapshot, const Finding& finding) {
  if (!finding.connection) return {};
  std::string name = std::to_string(*finding.connection);
  const auto known = snapshot.info.connections.find(*finding.connection);
  if (known != snapshot.info.connections.end() && !known->second.mount.empty()) {
    name += " " + known->second.mount;
  }
  if (finding.opcode) name += ", " + opcode_name(*finding.opcode);
  return name + ": ";
}

}  // namespace

std::vector<Finding> draw_findings(const Snapshot& snapshot) {
  // By the time, and for facts by the number of requests they are about.
  std::vector<std::pair<Finding, uint64_t>> all;
  for (const auto& [key, cell] : snapshot.cells) {
    std::vector<Finding> found;
    const auto evidence = snapshot.evidence.find(key);
    if (evidence != snapshot.evidence.end()) {
      ServerLoad load;
      const auto times = snapshot.server_times.find(key.first);
      // A part of the requests says nothing of how busy a server is.
      const bool whole = snapshot.info.sample_n <= 1 && snapshot.info.filters.empty() &&
                         snapshot.info.view_filters.empty();
      if (times != snapshot.server_times.end()) load = load_of(times->second);
      if (!whole) load.busy.reset();
      found = causes_of(evidence->second, load);
    } else {
      found = stages_of(cell);
    }
    for (Finding& fact : facts_of(cell)) found.push_back(std::move(fact));
    for (Finding& finding : found) {
      finding.connection = key.first;
      finding.opcode = key.second;
      all.emplace_back(std::move(finding), cell.requests);
    }
  }
  for (Finding& finding : swing_of(snapshot)) all.emplace_back(std::move(finding), 0);
  std::stable_sort(all.begin(), all.end(), [](const auto& a, const auto& b) {
    if (a.first.weight_ns != b.first.weight_ns) return a.first.weight_ns > b.first.weight_ns;
    return a.second > b.second;
  });
  std::vector<Finding> out;
  std::map<std::string, size_t> of_kind;
  for (auto& [finding, requests] : all) {
    if (++of_kind[finding.kind] <= most_of_a_kind) out.push_back(std::move(finding));
  }
  return out;
}

std::vector<std::string> findings(const Snapshot& snapshot) {
  std::vector<std::string> out;
  const bool one = snapshot.cells.size() <= 1;
  for (const Finding& finding : draw_findings(snapshot)) {
    out.push_back(one ? finding.text : name_of(snapshot, finding) + finding.text);
  }
  return out;
}

}  // namespace fusetrace
