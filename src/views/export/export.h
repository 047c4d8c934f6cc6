// SPDX-License-Identifier: Apache-2.0
// A recording in forms that other tools read. An export is fed as the recording
// is read and appends bytes for the caller to write out, so that memory does not
// grow with the number of requests. docs/export.md describes the formats.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <unordered_map>

#include "fusetrace.h"
#include "model/capture_info.h"

namespace fusetrace {

// What is known so far besides the requests; both may grow between calls.
struct ExportContext {
  const CaptureInfo& info;
  const std::unordered_map<uint32_t, ft_task>& tasks;  // by tid
  const Losses& losses;
};

class RequestExport {
 public:
  virtual ~RequestExport() = default;
  // Once, before anything else.
  virtual void begin(const ExportContext& context, std::string& out) = 0;
  // The next requests, in the order of the recording.
  virtual void add(std::span<const ft_request> requests, const ExportContext& context,
                   std::string& out) = 0;
  // After all requests, again and again until it returns false: that was all.
  virtual bool end(const ExportContext& context, std::string& out) = 0;
};

// One request a line, with a line of column names first (RFC 4180, but with
// plain line feeds).
std::unique_ptr<RequestExport> make_csv_export();
// One JSON object a line and request; the keys are the columns of the CSV.
std::unique_ptr<RequestExport> make_jsonl_export();
// A trace in Perfetto's protobuf form.
std::unique_ptr<RequestExport> make_perfetto_export();

struct OpenMetricsOptions {
  uint64_t interval_ns = 1'000'000'000;  // between two samples of a series, at least
  bool cpu_pairs = false;                // fusetrace_cpu_pair_requests too
};
// Counters and histograms with time stamps, for backfilling Prometheus.
std::unique_ptr<RequestExport> make_openmetrics_export(const OpenMetricsOptions& options = {});

}  // namespace fusetrace
