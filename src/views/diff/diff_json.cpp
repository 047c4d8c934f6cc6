// SPDX-License-Identifier: Apache-2.0
#include "views/diff/diff_json.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include "views/diff/diff_text.h"

namespace fusetrace {
namespace {

using Json = nlohmann::ordered_json;

Json side_json(std::span<const RunSample> runs) {
  Json list = Json::array();
  for (const RunSample& run : runs) {
    Json one;
    one["file"] = run.name();
    one["requests"] = run.requests();
    one["seconds"] = run.seconds();
    one["kernel"] = run.info.kernel;
    one["cpus"] = run.info.topology.online_count();
    one["sample_n"] = run.info.sample_n;
    one["lost"] = run.losses.total_lost();
    one["incomplete"] = run.losses.total_incomplete();
    one["truncated"] = !run.truncation.empty();
    list.push_back(std::move(one));
  }
  return {{"recordings", std::move(list)}};
}

const char* unit_name(MetricUnit unit) {
  switch (unit) {
    case MetricUnit::share:
      return "share";
    case MetricUnit::per_request:
      return "per_request";
    case MetricUnit::nanoseconds:
      return "ns";
    case MetricUnit::per_second:
      return "per_second";
  }
  return "";
}

const char* verdict_name(Verdict verdict) {
  switch (verdict) {
    case Verdict::changed:
      return "changed";
    case Verdict::unchanged:
      return "unchanged";
    case Verdict::unsure:
      return "unsure";
    case Verdict::too_few:
      return "too_few";
  }
  return "";
}

Json value_json(const ComparisonRow& row, double value) {
  if (row.unit == MetricUnit::nanoseconds) return static_cast<uint64_t>(std::llround(value));
  return value;
}

Json row_json(const ComparisonRow& row) {
  Json out;
  out["group"] = row.group;
  out["metric"] = row.metric;
  out["unit"] = unit_name(row.unit);
  out["base_requests"] = row.base_count;
  out["new_requests"] = row.new_count;
  if (row.verdict == Verdict::too_few) {
    for (const char* key : {"base", "new", "effect", "p_value"}) out[key] = nullptr;
  } else {
    out["base"] = value_json(row, row.base_value);
    out["new"] = value_json(row, row.new_value);
    out["effect"] = {{"kind", row.is_ratio() ? "ratio" : "difference"},
                     {"value", row.effect},
                     {"low", row.low},
                     {"high", row.high}};
    out["p_value"] = row.p_value;
  }
  out["verdict"] = verdict_name(row.verdict);
  out["direction"] = nullptr;
  if (row.worse()) out["direction"] = "worse";
  if (row.improved()) out["direction"] = "better";
  return out;
}

}  // namespace

std::string render_diff_json(std::span<const RunSample> base, std::span<const RunSample> changed,
                             const Comparison& comparison) {
  Json out;
  out["schema"] = "fusetrace.diff/1";
  out["base"] = side_json(base);
  out["new"] = side_json(changed);
  out["method"] = comparison.over_recordings ? "recordings" : "bootstrap";
  out["method_text"] = diff_method(comparison);
  out["confidence"] = comparison_confidence;
  out["notes"] = diff_notes(base, changed);
  out["changed"] = comparison.count(Verdict::changed);
  out["regression_percent"] = comparison.regression_percent();
  Json& rows = out["rows"] = Json::array();
  for (const ComparisonRow& row : comparison.rows) rows.push_back(row_json(row));
  // A file name may contain bytes that are not UTF-8.
  return out.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace fusetrace
