// SPDX-License-Identifier: Apache-2.0
#include "views/page/report_page.h"

#include <fmt/format.h>

#include <algorithm>

#include "views/page/report_page_template.h"
#include "views/report/cpu_groups.h"
#include "views/report/report_json_value.h"
#include "views/text/printable.h"

namespace fusetrace {
namespace {

using Json = nlohmann::ordered_json;

// More cells than this are not told apart on a screen, nor more ribbons.
constexpr size_t most_cells = 64;
constexpr size_t most_flow_nodes = 16;
// Buckets of the histogram that share one of the page: 8 an octave remain.
constexpr uint32_t buckets_per_bin = 4;

Json histogram_json(const Histogram& histogram) {
  Json bins = Json::array();
  const auto& counts = histogram.counts();
  for (size_t i = 0; i < counts.size(); i += buckets_per_bin) {
    uint64_t sum = 0;
    const size_t end = std::min(i + buckets_per_bin, counts.size());
    for (size_t k = i; k < end; ++k) sum += counts[k];
    if (sum == 0 && bins.empty()) continue;
    const auto first = histogram.first_bucket() + static_cast<uint32_t>(i);
    const auto last = histogram.first_bucket() + static_cast<uint32_t>(end) - 1;
    // The last bucket of all has no end of its own.
    const uint64_t stop =
        last + 1 >= FT_HIST_BUCKETS ? histogram.max() : Histogram::bucket_end(last);
    bins.push_back({Histogram::bucket_start(first), stop, sum});
  }
  while (!bins.empty() && bins.back()[2] == 0) bins.erase(bins.size() - 1);
  return {{"count", histogram.count()},
          {"p50", histogram.quantile(0.5)},
          {"p99", histogram.quantile(0.99)},
          {"bins", std::move(bins)}};
}

Json matrix_json(const CpuGroups& groups, const CpuMatrix& matrix) {
  Json boundaries = Json::array();
  for (const size_t at : groups.boundaries) boundaries.push_back({at});
  return {
      {"labels", groups.labels}, {"groups", std::move(boundaries)}, {"counts", groups.sum(matrix)}};
}

Json matrices_json(const Topology& topology, const ConnectionTotals& all) {
  const CpuGroups groups = group_cpus(topology, most_cells);
  Json out;
  out["request"] = matrix_json(groups, all.matrix[0]);
  out["reply"] = matrix_json(groups, all.matrix[1]);
  std::string note;
  if (groups.unit != "CPU") note = "Each cell stands for several CPUs. ";
  if (!groups.boundaries.empty()) {
    note += fmt::format("Lines part the {}.", groups.boundary_unit);
  }
  if (!note.empty()) out["boundaries"] = note;
  return out;
}

Json flow_json(const Topology& topology, const ConnectionTotals& all) {
  const CpuGroups groups = group_cpus_by_cache(topology, most_flow_nodes);
  return {{"unit", groups.unit},
          {"what", groups.unit == "group of CPUs" ? "CPUs taken together in groups" : groups.unit},
          {"labels", groups.labels},
          {"placed", groups.sum(all.placed[0])},
          {"picked", groups.sum(all.picked)}};
}

}  // namespace

std::string render_report_page(const Snapshot& snapshot) {
  const ConnectionTotals all = snapshot.all_connections();
  const Cell total = snapshot.total();
  const CaptureInfo& info = snapshot.info;
  Json data;
  data["report"] = report_json_value(snapshot);
  // Large on large machines, and drawn from the groups below.
  data["report"].erase("cpu_matrix");
  data["report"].erase("reply_cpu_matrix");
  data["truncation"] = snapshot.truncation;
  data["started_unix_ns"] = info.realtime_offset_ns == 0
                                ? 0
                                : info.realtime_offset_ns + static_cast<int64_t>(info.start_ns);
  data["matrices"] = matrices_json(info.topology, all);
  Json& latency = data["latency"] = Json::object();
  for (size_t d = 0; d < distance_count; ++d) {
    const Histogram& histogram = all.latency[static_cast<size_t>(Hop::request)][d];
    if (histogram.count() > 0) latency[std::string(distance_names[d])] = histogram_json(histogram);
  }
  Json& stages = data["stages"] = Json::object();
  for (size_t i = 0; i < stage_count; ++i) {
    if (total.stages[i].count() > 0) {
      stages[std::string(stage_names[i])] = histogram_json(total.stages[i]);
    }
  }
  data["flow"] = flow_json(info.topology, all);

  // Names come from other programs: they need not be UTF-8, and must not end
  // the script element that the data stands in.
  const std::string text =
      printable_json(data.dump(-1, ' ', false, Json::error_handler_t::replace));
  constexpr std::string_view mark = "@DATA@";
  const size_t at = report_page_template.find(mark);
  std::string out;
  out.reserve(report_page_template.size() + text.size() + text.size() / 8);
  out += report_page_template.substr(0, at);
  for (const char c : text) {
    if (c == '<') {
      out += "\\u003c";
    } else {
      out += c;
    }
  }
  out += report_page_template.substr(at + mark.size());
  return out;
}

}  // namespace fusetrace
