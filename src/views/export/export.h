// SPDX-License-Identifier: Apache-2.0
// Turns a recording into the formats of other tools. The caller passes the requests on while
// it reads the recording and writes out the bytes that the export appends, so that memory
// does not grow with the number of requests. docs/export.md describes the formats.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <unordered_map>

#include "fusetrace.h"
#include "model/capture_info.h"

namespace fusetrace {

// What is known besides the requests. Tasks and losses may grow between two calls.
struct ExportContext {
  const CaptureInfo& info;
  const std::unordered_map<uint32_t, ft_task>& tasks;  // by tid
  const Losses& losses;
};

class RequestExport {
 public:
  virtual ~RequestExport() = default;
  // To be called once, before the other functions.
  virtual void begin(const ExportContext& context, std::string& out) = 0;
  // The next requests, in the order of the recording.
  virtual void add(std::span<const ft_request> requests, const ExportContext& context,
                   std::string& out) = 0;
  // To be called after all requests, again and again until it returns false.
  virtual bool end(const ExportContext& context, std::string& out) = 0;
};

// CSV: a line with the names of the columns, then one line for each request (RFC 4180, but
// lines end with a line feed alone).
std::unique_ptr<RequestExport> make_csv_export();
// JSON lines: one object in a line for each request. The keys are the columns of the CSV.
std::unique_ptr<RequestExport> make_jsonl_export();
// A trace in the protobuf format of Perfetto.
std::unique_ptr<RequestExport> make_perfetto_export();

struct OpenMetricsOptions {
  uint64_t interval_ns = 1'000'000'000;  // between two samples of a series, at least
  bool cpu_pairs = false;                // fusetrace_cpu_pair_requests too
};
// OpenMetrics: counters and histograms with time stamps, for backfilling Prometheus.
std::unique_ptr<RequestExport> make_openmetrics_export(const OpenMetricsOptions& options = {});

}  // namespace fusetrace
