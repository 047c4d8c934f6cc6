// SPDX-License-Identifier: Apache-2.0
// `fusetrace record`: captures one record per request into a recording until
// the command ends, the time is up, or Ctrl-C.
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>

#include "capture/tracer.h"
#include "commands/capture_loop.h"
#include "commands/capture_options.h"
#include "commands/commands.h"
#include "commands/complain.h"
#include "commands/connection_watch.h"
#include "commands/load_recording.h"
#include "commands/prepare_capture.h"
#include "commands/warn_once.h"
#include "recording/writer.h"
#include "system/clock.h"
#include "views/report/summary.h"

namespace fusetrace {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

struct RecordOptions {
  CaptureOptions capture;
  std::string output = "fusetrace.rec";
  std::string sample = "1/1";
  std::vector<std::string> command;
};

// How often the rings are emptied. A timer does it: if every record woke this process, that
// would disturb the very wakeups that are measured.
constexpr milliseconds drain_period{20};
constexpr milliseconds flush_period{1000};
constexpr milliseconds progress_period{500};

Result<uint32_t> parse_sample(const std::string& text) {
  const std::string number = text.starts_with("1/") ? text.substr(2) : std::string();
  char* end = nullptr;
  const unsigned long n = std::strtoul(number.c_str(), &end, 10);
  if (number.empty() || *end != '\0' || n == 0 || n > 1000000) {
    return fail(fmt::format("'{}' is not a sampling rate", text), "write 1/N, N up to 1000000");
  }
  return static_cast<uint32_t>(n);
}

class Recorder {
 public:
  Recorder(Tracer tracer, RecordingWriter writer, CaptureInfo info)
      : tracer_(std::move(tracer)), writer_(std::move(writer)), info_(std::move(info)) {}

  // Moves the records that are in the rings into the file.
  Result<void> drain() {
    requests_.clear();
    tasks_.clear();
    tracer_.drain(requests_, tasks_);
    return write_out();
  }

  Result<void> flush() {
    writer_.set_losses(tracer_.losses());
    return writer_.flush();
  }

  Result<void> stop() {
    requests_.clear();
    tasks_.clear();
    const auto stopped = tracer_.stop(requests_, tasks_);
    auto done = write_out();
    info_.end_ns = capture_clock_ns();
    // The report's tables of threads also name server threads that never took a request.
    tasks_.clear();
    for (const ft_server_thread& thread : tracer_.server_threads()) {
      ft_task& task = tasks_.emplace_back(ft_task{thread.tid, thread.tgid, {}});
      std::memcpy(task.comm, thread.comm, sizeof(task.comm));
    }
    if (done) done = writer_.append_tasks(tasks_);
    writer_.set_losses(tracer_.losses());
    if (done) done = writer_.finish(info_);
    return done ? stopped : done;
  }

  // Finds mount points and servers of all connections that exist now.
  Result<void> look_at_connections() {
    if (auto done = connections_.refresh(scan_); !done) return done;
    return write_connections();
  }

  uint64_t captured() const { return captured_; }
  uint64_t bytes() const { return writer_.bytes_written(); }
  Losses losses() const { return tracer_.losses(); }

 private:
  Result<void> write_out() {
    captured_ += requests_.size();
    auto done = writer_.append_tasks(tasks_);
    if (done) done = writer_.append(requests_);
    if (!done) return done;
    ids_.clear();
    for (const ft_request& r : requests_) {
      if (ids_.empty() || r.connection != ids_.back()) ids_.push_back(r.connection);
    }
    const uint64_t looks_before = connections_.looks();
    // The requests are worth more than the names of their connections: a failed look does
    // not end the capture, and the next one may succeed.
    warn_(connections_.find(ids_, scan_));
    return connections_.looks() == looks_before ? done : write_connections();
  }

  Result<void> write_connections() {
    info_.connections = connections_.connections();
    return writer_.update_connections(info_.connections);
  }

  Tracer tracer_;
  RecordingWriter writer_;
  CaptureInfo info_;
  ConnectionWatch connections_;
  const ConnectionWatch::Scan scan_ = [this] { return tracer_.scan_devices(); };
  WarnOnce warn_;
  std::vector<ft_request> requests_;
  std::vector<ft_task> tasks_;
  std::vector<uint32_t> ids_;  // of the connections in requests_
  uint64_t captured_ = 0;
};

void show_progress(const Recorder& recorder, Clock::time_point start) {
  const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
  show_progress_line(fmt::format("{} requests, {} lost, {:.0f}/s, {:.1f} MiB", recorder.captured(),
                                 recorder.losses().total_lost(),
                                 static_cast<double>(recorder.captured()) / seconds,
                                 static_cast<double>(recorder.bytes()) / (1 << 20)));
}

// Empties the rings at every tick, flushes the file once a second, and shows the progress
// where stderr is a terminal.
Result<CaptureOutcome> capture(Recorder& recorder, std::optional<Workload>& workload,
                               const Signals& signals,
                               std::optional<std::chrono::nanoseconds> duration) {
  const auto start = Clock::now();
  auto next_flush = start + flush_period;
  auto next_progress = start + progress_period;
  const bool progress = isatty(STDERR_FILENO) == 1;
  auto outcome = run_capture(workload, signals, duration, drain_period, [&]() -> Result<void> {
    if (auto done = recorder.drain(); !done) return done;
    const auto now = Clock::now();
    if (now >= next_flush) {
      if (auto done = recorder.flush(); !done) return done;
      next_flush = now + flush_period;
    }
    if (progress && now >= next_progress) {
      show_progress(recorder, start);
      next_progress = now + progress_period;
    }
    return {};
  });
  if (progress) show_progress_line("");
  return outcome;
}

// Reads the recording back and prints a summary of ten lines.
Result<void> summarize(const std::string& path) {
  auto snapshot = load_recording(path);
  if (!snapshot) return tl::make_unexpected(snapshot.error());
  print_text_to_stderr(render_summary(*snapshot));
  return {};
}

int run_record(const RecordOptions& options) {
  if (options.output == "-" && isatty(STDOUT_FILENO) == 1)
    return complain(Error{"a recording is not for a terminal", "name a file with -o"}, wrong_usage);
  const auto sample_n = parse_sample(options.sample);
  if (!sample_n) return complain(sample_n.error(), wrong_usage);
  auto prepared = prepare_capture(options.capture);
  if (!prepared) return complain(prepared.error());
  prepared->tracer.sample_n = *sample_n;

  const Signals signals(capture_signals);
  auto workload = prepare_workload(options.command);
  if (!workload) return complain(workload.error());
  auto tracer = Tracer::start(prepared->features, prepared->tracer);
  if (!tracer) return complain(tracer.error());
  CaptureInfo info = describe_capture(options.command, options.capture, *tracer, *sample_n);
  auto writer = RecordingWriter::create(options.output, info);
  if (!writer) return complain(writer.error());
  Recorder recorder(std::move(*tracer), std::move(*writer), std::move(info));
  if (auto done = recorder.look_at_connections(); !done) return complain(done.error());

  if (auto done = begin_capture(*workload, "Tracing FUSE requests into " + options.output); !done) {
    return complain(done.error());
  }
  auto outcome = capture(recorder, *workload, signals, prepared->duration);
  if (!outcome && *workload) (*workload)->send_signal(SIGTERM);
  if (auto done = recorder.stop(); !done && outcome) return complain(done.error());
  if (!outcome) return complain(outcome.error());
  if (outcome->gave_up) return 1;
  if (options.output != "-") {
    if (auto done = summarize(options.output); !done) return complain(done.error());
  }
  return outcome->status;
}

}  // namespace

void add_record_command(CLI::App& app, Action& action) {
  auto* sub =
      app.add_subcommand("record", "record every FUSE request until a command ends, or Ctrl-C");
  auto options = std::make_shared<RecordOptions>();
  sub->add_option("-o,--output", options->output, "recording to write; - for standard output")
      ->capture_default_str();
  sub->add_option("--sample", options->sample, "keep one request in N, chosen by hash: 1/N");
  add_capture_options(*sub, options->capture);
  sub->add_option("command", options->command, "command to run and measure, after --");
  sub->footer(
      "  fusetrace record -- ls -lR /mnt/fuse\n"
      "  fusetrace record -o r.rec -d 10s --mount /mnt/fuse");
  sub->callback([&action, options] { action.run = [options] { return run_record(*options); }; });
}

}  // namespace fusetrace
