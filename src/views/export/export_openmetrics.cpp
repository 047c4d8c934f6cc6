// SPDX-License-Identifier: Apache-2.0
// Writes the metrics of `fusetrace serve` as Prometheus would have scraped them, in the
// OpenMetrics text format (openmetrics.io, version 1.0) with time stamps. The format requires
// all samples of a series to stand together, so they are written at the end.
#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <optional>

#include "model/opcode.h"
#include "views/export/export.h"
#include "views/metrics/metric_timeline.h"
#include "views/text/units.h"

namespace fusetrace {
namespace {

struct FamilyText {
  const char* name;
  const char* help;
};
// In the order of MetricFamily.
constexpr FamilyText family_texts[] = {
    {"fusetrace_requests", "FUSE requests that have ended."},
    {"fusetrace_request_errors", "Requests that were answered with an error."},
    {"fusetrace_hops", "Requests by how far apart the CPUs of a hop are."},
    {"fusetrace_pickups", "Requests by how they met their server."},
    {"fusetrace_wakeups", "Wakeups by where the thread was put."},
    {"fusetrace_migrations", "Migrations of clients and servers by what they were doing."},
    {"fusetrace_cpu_pair_requests", "Requests by the CPUs of client and server."},
    {"fusetrace_lost", "What was lost, by reason."},
    {"fusetrace_request_phase_seconds", "Durations of the phases of a request."},
    {"fusetrace_hop_latency_seconds", "Total duration of requests by the distance of a hop."},
};

class Labels {
 public:
  Labels& add(std::string_view name, std::string_view value) {
    if (!text_.empty()) text_ += ',';
    text_ += name;
    text_ += "=\"";
    for (const char c : fit(std::string(value), limits::label_bytes)) {
      if (c == '\\' || c == '"') text_ += '\\';
      text_ += c;
    }
    text_ += '"';
    return *this;
  }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

std::string seconds_text(uint64_t ns) { return fmt::format("{}", static_cast<double>(ns) / 1e9); }

class OpenMetricsExport : public RequestExport {
 public:
  explicit OpenMetricsExport(const OpenMetricsOptions& options) : options_(options) {}

  void begin(const ExportContext& context, std::string&) override {
    timeline_.emplace(context.info.start_ns, options_.interval_ns, options_.cpu_pairs);
  }

  void add(std::span<const ft_request> requests, const ExportContext& context,
           std::string&) override {
    for (const ft_request& r : requests) timeline_->add(r, context.info.topology);
    timeline_->set_losses(context.losses);
  }

  // Each call writes one series.
  bool end(const ExportContext& context, std::string& out) override {
    if (times_.empty()) {
      timeline_->set_losses(context.losses);
      prepare(context);
      write_facts(context, out);
      return true;
    }
    if (next_ == timeline_->series().end()) {
      out += "# EOF\n";
      return false;
    }
    const auto& [key, id] = *next_;
    const FamilyText& family = family_texts[static_cast<size_t>(key.family)];
    if (next_ == timeline_->series().begin() || std::prev(next_)->first.family != key.family) {
      write_head(family.name, key.is_histogram() ? "histogram" : "counter", family.help, out);
    }
    const std::string labels = labels_of(key, context.info);
    if (key.is_histogram()) {
      write_histogram(family.name, labels, id, out);
    } else {
      write_counter(family.name, labels, id, out);
    }
    ++next_;
    return true;
  }

 private:
  // The time stamps are the start, where every counter is 0, and the end of every interval.
  void prepare(const ExportContext& context) {
    const CaptureInfo& info = context.info;
    // Every series has a sample at every time.
    const size_t bytes = bytes_of_a_time(info);
    while (timeline_->points() > 1 && bytes > limits::metric_bytes / (timeline_->points() + 1))
      timeline_->halve();
    const uint64_t start = timeline_->start_ns();
    const uint64_t end = std::max(info.end_ns, timeline_->last_ns());
    int64_t unix_ms = 0;
    for (size_t i = 0; i <= timeline_->points(); ++i) {
      const uint64_t ns = std::min(start + i * timeline_->interval_ns(), std::max(end, start));
      // Rounded up, so that whatever was counted had happened by then. The last interval may
      // be shorter than a millisecond.
      const int64_t after = (static_cast<int64_t>(ns) + info.realtime_offset_ns) / 1'000'000 + 1;
      unix_ms = std::max(unix_ms + 1, after);
      times_.push_back(fmt::format("{}.{:03}", unix_ms / 1000, unix_ms % 1000));
    }
    base_.add("job", "fusetrace").add("instance", info.hostname);
    next_ = timeline_->series().begin();
  }

  // About how much text the samples of one time take.
  size_t bytes_of_a_time(const CaptureInfo& info) const {
    constexpr size_t beside_labels = 90;
    constexpr size_t lines_of_histogram = metric_bound_count + 3;
    size_t bytes = 0;
    for (const auto& [key, id] : timeline_->series()) {
      const size_t lines = key.is_histogram() ? lines_of_histogram : 1;
      bytes += lines * (beside_labels + labels_of(key, info).size());
    }
    for (const auto& [id, connection] : info.connections)
      bytes += 2 * (beside_labels + connection_labels(id, info).text().size());
    return bytes;
  }

  static void write_head(const char* name, const char* type, const char* help, std::string& out) {
    out += fmt::format("# TYPE {} {}\n", name, type);
    if (std::string_view(name).ends_with("_seconds"))
      out += fmt::format("# UNIT {} seconds\n", name);
    out += fmt::format("# HELP {} {}\n", name, help);
  }

  void write_constant(const std::string& name, const std::string& labels, int64_t value,
                      std::string& out) const {
    for (const std::string& time : times_) {
      out += fmt::format("{}{{{}}} {} {}\n", name, labels, value, time);
    }
  }

  // What does not change while a recording is made.
  void write_facts(const ExportContext& context, std::string& out) const {
    const CaptureInfo& info = context.info;
    write_head("fusetrace_build", "info", "The fusetrace that made the recording.", out);
    write_constant("fusetrace_build_info",
                   Labels(base_).add("version", info.fusetrace_version).text(), 1, out);
    if (!info.probes.empty()) {
      write_head("fusetrace_probe", "info", "The hook behind each point of a request's life.", out);
    }
    for (const Probe& probe : info.probes) {
      write_constant("fusetrace_probe_info",
                     Labels(base_).add("point", probe.point).add("hook", probe.hook).text(), 1,
                     out);
    }
    write_gauge(
        "fusetrace_connection_max_background", "Background requests that the kernel allows.", info,
        [](const Connection& c) { return c.max_background; }, out);
    write_gauge(
        "fusetrace_server_threads", "Threads of the server at the start of the capture.", info,
        [](const Connection& c) { return c.server_threads; }, out);
  }

  void write_gauge(const char* name, const char* help, const CaptureInfo& info,
                   const std::function<int64_t(const Connection&)>& get, std::string& out) const {
    bool first = true;
    for (const auto& [id, connection] : info.connections) {
      if (get(connection) < 0) continue;
      if (first) write_head(name, "gauge", help, out);
      first = false;
      write_constant(name, connection_labels(id, info).text(), get(connection), out);
    }
  }

  void write_counter(const std::string& name, const std::string& labels, uint32_t id,
                     std::string& out) const {
    uint64_t sum = 0;
    for (size_t i = 0; i < times_.size(); ++i) {
      if (i > 0) sum += timeline_->count(i - 1, id);
      out += fmt::format("{}_total{{{}}} {} {}\n", name, labels, sum, times_[i]);
    }
  }

  void write_histogram(const std::string& name, const std::string& labels, uint32_t id,
                       std::string& out) const {
    MetricBuckets sum;
    for (size_t i = 0; i < times_.size(); ++i) {
      if (const MetricBuckets* some = i > 0 ? timeline_->buckets(i - 1, id) : nullptr) {
        sum.merge(*some);
      }
      uint64_t below = 0;
      for (size_t k = 0; k <= metric_bound_count; ++k) {
        below += sum.counts[k];
        const std::string bound =
            k < metric_bound_count ? seconds_text(metric_bounds_ns[k]) : "+Inf";
        out +=
            fmt::format("{}_bucket{{{},le=\"{}\"}} {} {}\n", name, labels, bound, below, times_[i]);
      }
      out += fmt::format("{}_count{{{}}} {} {}\n", name, labels, below, times_[i]);
      out += fmt::format("{}_sum{{{}}} {} {}\n", name, labels, seconds_text(sum.sum_ns), times_[i]);
    }
  }

  Labels connection_labels(uint32_t id, const CaptureInfo& info) const {
    const auto found = info.connections.find(id);
    const Connection known = found == info.connections.end() ? Connection{} : found->second;
    Labels labels(base_);
    labels.add("connection", connection_text(id))
        .add("mount", known.mount)
        .add("fstype", known.fstype);
    return labels;
  }

  std::string labels_of(const SeriesKey& key, const CaptureInfo& info) const {
    Labels labels =
        key.family == MetricFamily::lost ? base_ : connection_labels(key.connection, info);
    switch (key.family) {
      case MetricFamily::requests:
      case MetricFamily::errors:
        labels.add("opcode", opcode_name(key.a));
        break;
      case MetricFamily::hops:
      case MetricFamily::hop_latency:
        labels.add("hop", hop_names[key.a]).add("distance", distance_names[key.b]);
        break;
      case MetricFamily::pickups:
        labels.add("pickup", pickup_names[key.a]);
        break;
      case MetricFamily::wakeups:
        labels.add("side", side_names[key.a]).add("placement", placement_names[key.b]);
        break;
      case MetricFamily::migrations:
        labels.add("phase", migration_names[key.a]);
        break;
      case MetricFamily::cpu_pairs:
        labels.add("client_cpu", std::to_string(key.a)).add("server_cpu", std::to_string(key.b));
        break;
      case MetricFamily::lost:
        labels.add("reason", loss_names[key.a]);
        break;
      case MetricFamily::phase:
        labels.add("opcode", opcode_name(key.a)).add("phase", stage_names[key.b]);
        break;
    }
    return labels.text();
  }

  OpenMetricsOptions options_;
  std::optional<MetricTimeline> timeline_;
  std::vector<std::string> times_;
  Labels base_;
  std::map<SeriesKey, uint32_t>::const_iterator next_;
};

}  // namespace

std::unique_ptr<RequestExport> make_openmetrics_export(const OpenMetricsOptions& options) {
  return std::make_unique<OpenMetricsExport>(options);
}

}  // namespace fusetrace
