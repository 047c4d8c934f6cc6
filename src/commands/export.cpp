// SPDX-License-Identifier: Apache-2.0
// `fusetrace export`: writes a recording in a form that other tools read, block by block.
#include "views/export/export.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "commands/choices.h"
#include "commands/commands.h"
#include "commands/complain.h"
#include "commands/duration.h"
#include "commands/filter_options.h"
#include "commands/reading_progress.h"
#include "recording/files.h"
#include "recording/reader.h"

namespace fusetrace {
namespace {

struct ExportOptions {
  std::string recording;
  std::string format;
  std::string output = "-";
  std::string interval = "1s";
  bool cpu_pairs = false;
  FilterOptions filter;
};

constexpr size_t write_bytes = 1 << 20;

// Prometheus counts time in ms, so it could not distinguish shorter intervals.
constexpr auto shortest_interval = std::chrono::milliseconds(10);

Result<std::unique_ptr<RequestExport>> make_export(const ExportOptions& options) {
  if (options.format == "csv") return make_csv_export();
  if (options.format == "jsonl") return make_jsonl_export();
  if (options.format == "perfetto") return make_perfetto_export();
  const auto interval = parse_duration(options.interval);
  if (!interval) return tl::make_unexpected(interval.error());
  if (*interval < shortest_interval) return fail("--interval is 10ms at least");
  return make_openmetrics_export(
      {.interval_ns = static_cast<uint64_t>(interval->count()), .cpu_pairs = options.cpu_pairs});
}

// Warns about what the recording lacks: its end, bytes that were not read, lost events.
void warn(const RecordingReader& reader) {
  if (reader.truncated()) spdlog::warn("{}: {}", reader.path(), reader.truncation());
  if (reader.trailing_bytes())
    spdlog::warn("{}: what follows the end of the recording was not read", reader.path());
  for (size_t i = 0; i < FT_LOSSES; i++)
    if (reader.losses().lost[i] != 0)
      spdlog::warn("{}: {} lost: {}", reader.path(), reader.losses().lost[i], loss_names[i]);
}

class Exporter {
 public:
  Exporter(RecordingReader reader, Filter filter, std::unique_ptr<RequestExport> view,
           OutputFile output)
      : reader_(std::move(reader)),
        filter_(std::move(filter)),
        view_(std::move(view)),
        output_(std::move(output)) {}

  Result<void> run(bool show_progress) {
    const ExportContext context{reader_.info(), reader_.tasks(), reader_.losses()};
    view_->begin(context, bytes_);
    {
      ReadingProgress progress(reader_, show_progress);
      RecordingReader::Block block;
      for (;;) {
        const auto more = reader_.next(block);
        if (!more) return tl::make_unexpected(more.error());
        if (!*more) break;
        view_->add(filtered(block.requests), context, bytes_);
        if (auto done = write(write_bytes); !done) return done;
        progress.update();
      }
    }
    while (view_->end(context, bytes_)) {
      if (auto done = write(write_bytes); !done) return done;
    }
    if (auto done = write(1); !done) return done;
    warn(reader_);
    return output_.close();
  }

 private:
  std::span<const ft_request> filtered(std::span<const ft_request> requests) {
    if (filter_.empty()) return requests;
    kept_.clear();
    for (const ft_request& request : requests)
      if (filter_.passes(request, reader_.tasks())) kept_.push_back(request);
    return kept_;
  }

  // Writes once it has collected this many bytes.
  Result<void> write(size_t at_least) {
    if (bytes_.size() < at_least) return {};
    auto done = output_.write({reinterpret_cast<const uint8_t*>(bytes_.data()), bytes_.size()});
    bytes_.clear();
    return done;
  }

  RecordingReader reader_;
  Filter filter_;
  std::unique_ptr<RequestExport> view_;
  OutputFile output_;
  std::string bytes_;
  std::vector<ft_request> kept_;
};

int run_export(const ExportOptions& options) {
  const bool to_stdout = options.output == "-";
  if (options.format == "perfetto" && to_stdout && isatty(STDOUT_FILENO) == 1)
    return complain({"a Perfetto trace is not for a terminal", "name a file with -o"}, 2);
  std::error_code ignored;
  if (std::filesystem::equivalent(options.recording, options.output, ignored))
    return complain({"the export would overwrite the recording", "name another file with -o"}, 2);

  auto view = make_export(options);
  if (!view) return complain(view.error(), 2);
  auto reader = RecordingReader::open(options.recording);
  if (!reader) return complain(reader.error());
  auto filter = resolve_filter(options.filter, reader->info());
  if (!filter) return complain(filter.error());
  auto output = OutputFile::create(options.output, OutputFile::Existing::replace);
  if (!output) return complain(output.error());
  Exporter exporter(std::move(*reader), std::move(*filter), std::move(*view), std::move(*output));
  const auto done = exporter.run(ReadingProgress::wanted(to_stdout));
  return done ? 0 : complain(done.error());
}

}  // namespace

void add_export_command(CLI::App& app, Action& action) {
  auto* sub = app.add_subcommand(
      "export", "write a recording as CSV, JSON lines, Perfetto trace or OpenMetrics");
  auto options = std::make_shared<ExportOptions>();
  sub->add_option("FILE", options->recording, "recording to read; - for standard input")
      ->required();
  sub->add_option("--format", options->format, "csv, jsonl, perfetto or openmetrics")
      ->required()
      ->type_name("FORMAT")
      ->check(one_of("format", {"csv", "jsonl", "perfetto", "openmetrics"}));
  sub->add_option("-o,--output", options->output, "file to write; - for standard output")
      ->capture_default_str();
  sub->add_option("--interval", options->interval,
                  "openmetrics: time between two samples, at least: 500ms, 10s, 2m")
      ->capture_default_str();
  sub->add_flag("--cpu-pairs", options->cpu_pairs,
                "openmetrics: requests by the CPUs of client and server too");
  add_filter_options(*sub, options->filter);
  sub->footer(
      "  fusetrace export r.rec --format csv | head\n"
      "  fusetrace export r.rec --format perfetto -o r.pftrace   # open it in ui.perfetto.dev");
  sub->callback([&action, options] { action.run = [options] { return run_export(*options); }; });
}

}  // namespace fusetrace
