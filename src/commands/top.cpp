// SPDX-License-Identifier: Apache-2.0
// `fusetrace top`: shows the FUSE connections of this machine live, from running totals.
#include <fmt/format.h>
#include <poll.h>
#include <sys/resource.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <ctime>
#include <optional>
#include <set>
#include <unordered_map>

#include "commands/capture_loop.h"
#include "commands/capture_options.h"
#include "commands/commands.h"
#include "commands/complain.h"
#include "commands/live_capture.h"
#include "commands/prepare_capture.h"
#include "commands/terminal.h"
#include "commands/top_screen.h"
#include "views/top/top_frame.h"

namespace fusetrace {
namespace {

using Clock = std::chrono::steady_clock;
using Seconds = std::chrono::duration<double>;

struct TopOptions {
  CaptureOptions capture;
  std::string interval = "2s";
  uint64_t count = 0;  // how many frames to show; 0: no limit
  bool batch = false;
};

// The kernel counts the run time of the BPF programs only for this long before each frame.
// Counting makes every run slower, and this is long enough to tell the share of a CPU.
constexpr Seconds cost_window{0.05};

double cpu_seconds_used() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

std::string time_of_day() {
  const time_t now = time(nullptr);
  tm local{};
  localtime_r(&now, &local);
  char text[16];
  strftime(text, sizeof(text), "%H:%M:%S", &local);
  return text;
}

// The share of one CPU that looking at all servers and their threads may take. A machine with
// very many servers is therefore not looked at for every frame.
constexpr double look_share = 0.01;

// Makes the data of a frame from the capture. It keeps the totals of the frame before, because
// a frame shows what was added since.
class TopSource {
 public:
  explicit TopSource(LiveCapture& capture) : capture_(capture), before_(capture.snapshot()) {
    for (const ft_server_thread& thread : capture_.server_threads()) {
      threads_.push_back({thread, 0});
    }
  }

  void start_measuring_cost() {
    if (cost_start_) return;
    counting_ = count_run_time();
    bpf_before_ = capture_.run_seconds();
    cost_start_ = Clock::now();
  }

  void follow(std::set<uint32_t> connections) { followed_ = std::move(connections); }

  TopData take(const TopState& state) {
    TopData data;
    data.followed = followed_;
    measure_cost(data);
    if (Clock::now() >= next_look_) look_at_servers();
    Snapshot now = capture_.snapshot();
    data.since_start = now.losses;
    data.clock = time_of_day();
    data.interval_s = state.interval_s;
    data.looked_ago_s = Seconds(Clock::now() - servers_looked_).count();
    data.threads = threads_;
    data.threads_s = threads_s_;
    if (state.since_start) {
      for (TopThread& thread : data.threads) thread.requests = thread.now.taken;
      data.threads_s = now.seconds - data.looked_ago_s;
    }
    // A frame that a key asks for right after another one is about a longer stretch, not about
    // the few milliseconds between them.
    if (now.seconds - before_.seconds >= least_stretch_s || older_.seconds == 0) {
      older_ = std::move(before_);
      before_ = now;
    }
    data.shown = state.since_start ? now : now.since(older_);
    return data;
  }

 private:
  void look_at_servers() {
    std::unordered_map<uint32_t, uint32_t> taken;  // by tid
    for (const TopThread& thread : threads_) taken[thread.now.tid] = thread.now.taken;
    const auto start = Clock::now();
    const double used = cpu_seconds_used();
    if (!capture_.refresh()) return;  // the frame tells how old the last look is
    threads_s_ = Seconds(start - servers_looked_).count();
    servers_looked_ = start;
    next_look_ = start + std::chrono::duration_cast<Clock::duration>(
                             Seconds((cpu_seconds_used() - used) / look_share));
    threads_.clear();
    for (const ft_server_thread& thread : capture_.server_threads()) {
      const auto earlier = taken.find(thread.tid);
      const uint32_t before = earlier == taken.end() ? 0 : earlier->second;
      threads_.push_back({thread, thread.taken - before});
    }
  }

  void measure_cost(TopData& data) {
    const auto now = Clock::now();
    const double used = cpu_seconds_used();
    data.own_cpu = (used - used_before_) / std::max(Seconds(now - looked_).count(), 1e-3);
    used_before_ = used;
    looked_ = now;
    if (!cost_start_) return;
    const double ran = capture_.run_seconds() - bpf_before_;
    if (counting_ || ran > 0) data.bpf_cpu = ran / Seconds(now - *cost_start_).count();
    counting_ = Descriptor();
    cost_start_.reset();
  }

  static constexpr double least_stretch_s = top_least_interval_s / 2;

  LiveCapture& capture_;
  Snapshot before_;  // of the last frame, and of the one before it
  Snapshot older_;
  std::set<uint32_t> followed_;
  std::vector<TopThread> threads_;  // as look_at_servers() last found them
  double threads_s_ = 0;            // the time in which they took their requests, in s
  Clock::time_point servers_looked_ = Clock::now();
  Clock::time_point next_look_;
  Clock::time_point looked_ = Clock::now();
  double used_before_ = cpu_seconds_used();
  std::optional<Clock::time_point> cost_start_;
  double bpf_before_ = 0;
  Descriptor counting_;
};

// When top ends by itself: after a number of frames, or after a time.
class End {
 public:
  End(uint64_t count, std::optional<std::chrono::nanoseconds> duration) : count_(count) {
    if (duration) at_ = Clock::now() + *duration;
  }
  void frame_shown() { ++shown_; }
  bool reached() const {
    return (count_ != 0 && shown_ >= count_) || (at_ && Clock::now() >= *at_);
  }
  Clock::time_point limit(Clock::time_point due) const { return at_ ? std::min(due, *at_) : due; }

 private:
  uint64_t count_;
  uint64_t shown_ = 0;
  std::optional<Clock::time_point> at_;
};

// Waits until the given time. Returns false when a signal asks for the end, and returns early
// when there is input on the other descriptor or when the wait is interrupted.
bool wait_until(Clock::time_point when, const Signals& signals, int input) {
  const Seconds left = when - Clock::now();
  pollfd fds[] = {{signals.fd(), POLLIN, 0}, {input, POLLIN, 0}};
  const int timeout = static_cast<int>(std::max(0.0, left.count()) * 1000) + 1;
  if (poll(fds, 2, timeout) <= 0) return true;
  if ((fds[1].revents & (POLLHUP | POLLERR)) != 0) return false;
  if (fds[0].revents == 0) return true;
  const uint32_t signal = signals.wait(std::chrono::milliseconds(0)).ssi_signo;
  return signal != SIGINT && signal != SIGTERM;
}

// Waits for the time of the next frame in two steps: the second is that in which
// the programs' run time is counted. False at a signal.
bool wait_for_frame(Clock::time_point due, TopSource& source, const Signals& signals, int input) {
  const auto cost_from = due - std::chrono::duration_cast<Clock::duration>(cost_window);
  if (Clock::now() < cost_from) return wait_until(cost_from, signals, input);
  source.start_measuring_cost();
  return wait_until(due, signals, input);
}

// When the next frame is due: one interval after the last one was due, or, if that time has
// passed, one interval from now.
Clock::time_point next_frame(Clock::time_point last, const TopState& state) {
  const auto interval = std::chrono::duration_cast<Clock::duration>(Seconds(state.interval_s));
  return last + interval > Clock::now() ? last + interval : Clock::now() + interval;
}

int print_frames(LiveCapture& capture, TopState state, End end, const Signals& signals,
                 const GlobalOptions& global, const std::set<uint32_t>& followed) {
  const RenderOptions render = render_options_for(STDOUT_FILENO, global);
  TopSource source(capture);
  source.follow(followed);
  TopScreen screen;
  screen.height = 0;
  screen.width = render.width;
  screen.color = screen.styles = render.color;
  bool first = true;
  auto last = Clock::now();
  while (!end.reached()) {
    const auto due = end.limit(next_frame(last, state));
    while (Clock::now() < due) {
      if (!wait_for_frame(due, source, signals, -1)) return 0;
    }
    const TopData data = source.take(state);
    if (!first) print_text("\n");
    first = false;
    for (const std::string& line : render_top(data, state, screen))
      print_text(line + "\n", screen.styles || screen.color);
    if (auto done = flush_output(); !done) return complain(done.error());
    last = due;
    end.frame_shown();
  }
  return 0;
}

// Returns true when a key asks for a new look at the capture at once.
bool read_keys(TopTerminal& terminal, TopState& state, const TopData& data) {
  bool look = false;
  TopTerminal::Press key;
  while (!state.quit && terminal.next(key)) {
    if (key.resized) continue;
    look |= press(state, key.key, key.character, data);
  }
  return look;
}

int show_frames(TopTerminal& terminal, LiveCapture& capture, TopState state, End end,
                const Signals& signals, const std::set<uint32_t>& followed) {
  TopSource source(capture);
  source.follow(followed);
  TopScreen screen;
  screen.styles = true;
  screen.color = terminal.color();
  TopData data = source.take(state);
  auto last = Clock::now();
  while (!state.quit && !end.reached()) {
    std::tie(screen.width, screen.height) =
        std::make_pair(terminal.size().width, terminal.size().height);
    terminal.paint(render_top(data, state, screen));
    const auto next = state.paused ? Clock::now() + std::chrono::hours(1) : next_frame(last, state);
    const auto due = end.limit(next);
    if (!wait_for_frame(due, source, signals, STDIN_FILENO)) break;
    const bool asked = read_keys(terminal, state, data);
    if (!asked && Clock::now() < due) continue;
    data = source.take(state);
    last = asked ? Clock::now() : due;
    end.frame_shown();
  }
  return 0;
}

int run_top(const TopOptions& options, const GlobalOptions& global) {
  const auto interval = parse_interval(
      options.interval,
      std::chrono::duration_cast<std::chrono::milliseconds>(Seconds(top_least_interval_s)));
  if (!interval) return complain(interval.error(), wrong_usage);
  TopState state;
  state.interval_s = Seconds(*interval).count();
  const auto prepared = prepare_capture(options.capture);
  if (!prepared) return complain(prepared.error());
  if (!options.batch && isatty(STDOUT_FILENO) != 1) {
    return complain(Error{"top needs a terminal", "`fusetrace top -b` prints plain frames"});
  }
  const Signals signals(capture_signals);
  const auto& connections = prepared->tracer.connections;
  const std::set<uint32_t> followed(connections.begin(), connections.end());
  const End end(options.count, prepared->duration);
  if (options.batch) {
    auto capture = LiveCapture::start(*prepared, options.capture);
    if (!capture) return complain(capture.error());
    return print_frames(*capture, state, end, signals, global, followed);
  }
  // The terminal first: loading the programs takes a second or more, in which keys would be
  // echoed into whatever stands there.
  auto terminal = TopTerminal::open(global.color_on(STDOUT_FILENO));
  if (!terminal) return complain(terminal.error());
  terminal->paint({"fusetrace top: loading the BPF programs…"});
  auto capture = LiveCapture::start(*prepared, options.capture);
  if (!capture) {
    const Error error = capture.error();
    terminal->close();
    return complain(error);
  }
  return show_frames(*terminal, *capture, state, end, signals, followed);
}

}  // namespace

void add_top_command(CLI::App& app, Action& action) {
  auto* sub = app.add_subcommand("top", "show the FUSE connections live; h lists the keys");
  auto options = std::make_shared<TopOptions>();
  sub->add_option("-i,--interval", options->interval, "time between frames: 500ms, 2s")
      ->capture_default_str();
  sub->add_option("-n,--count", options->count, "frames to show; without it, until q");
  sub->add_flag("-b,--batch", options->batch, "print plain frames, without keys");
  add_capture_options(*sub, options->capture);
  sub->footer(
      "  fusetrace top\n"
      "  fusetrace top -b -n 1 -i 1s --mount /mnt/fuse");
  sub->callback([&action, options] {
    action.run = [&action, options] { return run_top(*options, action.global); };
  });
}

}  // namespace fusetrace
