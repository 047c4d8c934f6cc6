// SPDX-License-Identifier: Apache-2.0
// `fusetrace serve`: the running totals as metrics for Prometheus.
#include <fmt/format.h>
#include <malloc.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <mutex>

#include "capture/connections.h"
#include "capture/topology_sysfs.h"
#include "commands/capture_loop.h"
#include "commands/capture_options.h"
#include "commands/commands.h"
#include "commands/complain.h"
#include "commands/live_capture.h"
#include "commands/metrics_server.h"
#include "commands/prepare_capture.h"
#include "commands/privileges.h"
#include "commands/warn_once.h"
#include "views/metrics/metrics_text.h"

namespace fusetrace {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

struct ServeOptions {
  CaptureOptions capture;
  std::string listen = "127.0.0.1:9475";
  MetricsOptions metrics;
  bool bpf_run_time = false;
};

// How often new connections are looked for, and how often the number of waiting requests of
// all connections is read.
constexpr milliseconds look_period{250};
constexpr milliseconds refresh_period{5000};

// The capture. The main thread keeps it up to date, and the threads of the HTTP server read it.
class Served {
 public:
  Served(LiveCapture capture, const MetricsOptions& options, bool run_time)
      : capture_(std::move(capture)), text_(options) {
    if (run_time) counting_ = count_run_time();
  }

  void look() {
    const std::lock_guard lock(mutex_);
    const auto now = Clock::now();
    if (now - refreshed_ >= refresh_period) {
      refreshed_ = now;
      count(capture_.refresh());
    } else {
      count(capture_.find_new_connections());
    }
  }

  std::string metrics() {
    const std::lock_guard lock(mutex_);
    const double ran = counting_ ? capture_.run_seconds() : -1;
    return text_.render(capture_.snapshot(), ran);
  }

  Snapshot stop() {
    const std::lock_guard lock(mutex_);
    warn_(capture_.stop());
    return capture_.snapshot();
  }

 private:
  void count(const Result<void>& looked) {
    warn_(looked);
    if (!looked) text_.set_scan_errors(++scan_errors_);
  }

  std::mutex mutex_;
  uint64_t scan_errors_ = 0;
  LiveCapture capture_;
  MetricsText text_;
  Descriptor counting_;
  WarnOnce warn_;
  Clock::time_point refreshed_ = Clock::now();
};

int run_serve(const ServeOptions& options) {
  if (auto address = check_listen_address(options.listen); !address) {
    return complain(address.error(), wrong_usage);
  }
  const auto prepared = prepare_capture(options.capture);
  if (!prepared) return complain(prepared.error());

  // Any of the HTTP threads may make the text, and glibc would keep a heap for each of them.
  mallopt(M_ARENA_MAX, 1);
  const Signals signals(capture_signals);
  auto capture = LiveCapture::start(*prepared, options.capture);
  if (!capture) return complain(capture.error());
  MetricsOptions metrics = options.metrics;
  metrics.queues = has_input_queues();
  Served served(std::move(*capture), metrics, options.bpf_run_time);
  // This must come before threads are started, because each thread has its own capabilities.
  auto kept = drop_privileges(prepared->features.kernel);
  if (!kept) return complain(kept.error());
  auto server = MetricsServer::start(options.listen, [&served] { return served.metrics(); });
  if (!server) return complain(server.error());
  say("Serving http://{}/metrics; capabilities kept: {}; at most {} series; Ctrl-C ends it.",
      options.listen, *kept, most_series(metrics, read_topology().online_count()));
  std::optional<Workload> none;
  auto outcome = run_capture(none, signals, prepared->duration, look_period, [&]() -> Result<void> {
    served.look();
    return {};
  });
  server->reset();
  if (!outcome) return complain(outcome.error());
  const Snapshot all = served.stop();
  say("{} requests were counted, {} lost.", all.total().requests, all.losses.total_lost());
  return 0;
}

}  // namespace

void add_serve_command(CLI::App& app, Action& action) {
  auto* sub = app.add_subcommand("serve", "serve running totals as metrics for Prometheus");
  auto options = std::make_shared<ServeOptions>();
  sub->add_option("--listen", options->listen, "ADDRESS:PORT to serve on")->capture_default_str();
  sub->add_option("--max-connections", options->metrics.connections,
                  "connections with labels of their own; later ones count as \"other\"")
      ->capture_default_str()
      ->check(CLI::Range(1, 4096));
  sub->add_flag("--cpu-pairs", options->metrics.cpu_pairs,
                "requests by the CPUs of client and server too: CPUs × CPUs series a connection");
  sub->add_flag("--bpf-run-time", options->bpf_run_time,
                "have the kernel count the programs' run time, which makes each run slower");
  add_capture_options(*sub, options->capture);
  sub->footer(
      "  fusetrace serve\n"
      "  fusetrace serve --listen 127.0.0.1:9475 --mount /mnt/fuse");
  sub->callback([&action, options] { action.run = [options] { return run_serve(*options); }; });
}

}  // namespace fusetrace
