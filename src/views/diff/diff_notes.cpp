// SPDX-License-Identifier: Apache-2.0
// The sentences that the text and the JSON of a comparison share.
#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <set>

#include "views/diff/diff_text.h"

namespace fusetrace {

std::vector<std::string> diff_method(const Comparison& comparison) {
  std::vector<std::string> out;
  if (comparison.over_recordings) {
    out.push_back(
        "95 % intervals over recordings (Welch's t test on the figures of each recording).");
  } else {
    out.push_back(fmt::format(
        "95 % intervals by bootstrap over blocks of consecutive requests, {} a recording at most: "
        "how well these runs are known.",
        bootstrap_blocks));
    out.push_back(fmt::format(
        "How far two runs of the same are apart cannot be seen with fewer than {} recordings a "
        "side; the verdict assumes what single runs on a busy machine showed, and calls less "
        "unsure.",
        enough_recordings));
  }
  out.push_back(
      "Changed: \"no difference\" is rejected at 5 % over all rows together (Benjamini and "
      "Hochberg), and the difference is of a size that matters.");
  return out;
}

std::vector<std::string> diff_notes(std::span<const RunSample> base,
                                    std::span<const RunSample> changed) {
  std::vector<std::string> out;
  auto compare_sets = [&](const char* what,
                          const std::function<std::string(const RunSample&)>& get) {
    std::set<std::string> a;
    std::set<std::string> b;
    for (const RunSample& run : base) a.insert(get(run));
    for (const RunSample& run : changed) b.insert(get(run));
    if (a != b) {
      out.push_back(fmt::format("{} differ: {} in base, {} in new.", what, fmt::join(a, ", "),
                                fmt::join(b, ", ")));
    }
  };
  compare_sets("Kernels", [](const RunSample& run) { return run.info.kernel; });
  compare_sets("Numbers of CPUs", [](const RunSample& run) {
    return std::to_string(run.info.topology.online_count());
  });
  compare_sets("Sampling rates",
               [](const RunSample& run) { return fmt::format("1/{}", run.info.sample_n); });
  compare_sets("Capture filters", [](const RunSample& run) {
    return run.info.filters.empty() ? "none" : fmt::format("{}", fmt::join(run.info.filters, " "));
  });
  if (!base.empty() && !base.front().info.view_filters.empty()) {
    out.push_back(fmt::format("Only requests that pass {} are compared.",
                              fmt::join(base.front().info.view_filters, " ")));
  }
  for (const auto& side : {base, changed}) {
    for (const RunSample& run : side) {
      if (const uint64_t lost = run.losses.total_lost(); lost > 0) {
        out.push_back(
            fmt::format("{} has lost {} (`fusetrace report` says what).", run.name(), lost));
      }
      if (!run.truncation.empty())
        out.push_back(fmt::format("{}: {}.", run.name(), run.truncation));
    }
  }
  return out;
}

}  // namespace fusetrace
