// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "views/report/finding_kinds.h"
#include "views/text/units.h"

namespace fusetrace {
namespace {

// A cause is named when it explains at least this much of the time, and ruled out below the
// second.
constexpr double notable = 0.25;
constexpr double ruled_out = 0.15;
// Waits of so long that a few of them are no accident.
constexpr uint64_t enough_waits = 20;

constexpr auto idle = static_cast<size_t>(TargetIdle::idle);
constexpr auto busy = static_cast<size_t>(TargetIdle::busy);
constexpr auto unknown = static_cast<size_t>(TargetIdle::unknown);

uint64_t sum(const std::array<uint64_t, target_idle_count>& by) {
  return by[idle] + by[busy] + by[unknown];
}

// The time of one opcode's requests on one connection, shared out among its causes.
struct Shares {
  double server_busy = 0;   // queued while no server slept
  double server_crowd = 0;  // woken servers that waited for a CPU on which others ran
  double client_crowd = 0;
  double server_stall = 0;  // woken servers that did not run although their CPU was idle
  double client_stall = 0;
  double service = 0;
  double handover = 0;  // the rest: waking, switching in, taking

  double crowd() const { return server_crowd + client_crowd; }
  double stall() const { return server_stall + client_stall; }
};

Shares shares_of(const Evidence& e) {
  const auto total = static_cast<double>(e.total_ns);
  auto share = [total](uint64_t ns) { return static_cast<double>(ns) / total; };
  Shares out;
  out.server_busy = share(e.queue_ns[FT_PICKUP_BUSY]);
  out.server_crowd = share(e.server.crowded_sum_ns[busy] + e.server.crowded_sum_ns[unknown]);
  out.client_crowd = share(e.client.crowded_sum_ns[busy] + e.client.crowded_sum_ns[unknown]);
  out.server_stall = share(e.server.stalled_sum_ns[idle]);
  out.client_stall = share(e.client.stalled_sum_ns[idle]);
  out.service = share(e.service_ns);
  out.handover = std::max(0.0, 1 - out.server_busy - out.crowd() - out.stall() - out.service);
  return out;
}

std::string percent(double share) { return fmt::format("{:.0f} %", 100 * share); }

// "Ruled out by their share of the time: …", of all causes but those that were found.
std::string others(const Shares& s, std::initializer_list<const double*> found) {
  const std::pair<const char*, const double*> all[] = {
      {"busy server threads", &s.server_busy},
      {"servers waiting for a CPU", &s.server_crowd},
      {"clients waiting for a CPU", &s.client_crowd},
      {"servers that an idle CPU did not run", &s.server_stall},
      {"clients that an idle CPU did not run", &s.client_stall},
      {"work in the server", &s.service},
      {"waking and switching, near or far", &s.handover}};
  std::string text;
  for (const auto& [name, share] : all) {
    if (*share >= ruled_out || std::find(found.begin(), found.end(), share) != found.end()) {
      continue;
    }
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", name, percent(*share));
  }
  return text.empty() ? "" : " Ruled out by their share of the time: " + text + ".";
}

std::string load_text(const ServerLoad& load) {
  if (load.threads == 0) return {};
  std::string text =
      load.threads == 1 ? " One thread served" : fmt::format(" {} threads served", load.threads);
  if (load.busy) text += fmt::format(", busy {} of the time", percent(*load.busy));
  return text + ".";
}

void server_busy(const Evidence& e, const Shares& s, const ServerLoad& load,
                 std::vector<Finding>& out) {
  if (s.server_busy < notable) return;
  if (load.busy && *load.busy < 0.5) {
    // Awake is not busy: a thread that is on its way back to its read is not woken, and may have
    // lost its CPU there.
    out.push_back({.kind = "server_awake",
                   .weight_ns = s.server_busy * static_cast<double>(e.total_ns),
                   .text = fmt::format(
                       "For {} of the time, requests waited for server threads that were awake "
                       "and served no other request: they waited for a CPU between two "
                       "requests, or did work of their own.{}{}",
                       percent(s.server_busy), load_text(load), others(s, {&s.server_busy}))});
    return;
  }
  if (!load.busy && s.server_busy < 0.5) return;
  out.push_back(
      {.kind = "server_busy",
       .weight_ns = s.server_busy * static_cast<double>(e.total_ns),
       .text = fmt::format("For {} of the time, requests waited for server threads that "
                           "were busy with other requests.{}{}",
                           percent(s.server_busy), load_text(load), others(s, {&s.server_busy}))});
}

void cpu_wait(const Evidence& e, const Shares& s, Side side, std::vector<Finding>& out) {
  const bool client = side == Side::client;
  const RunDelays& delays = client ? e.client : e.server;
  const double& share = client ? s.client_crowd : s.server_crowd;
  const uint64_t waits = delays.crowded[busy] + delays.crowded[unknown];
  if (share < notable || waits < enough_waits) return;
  const uint64_t mean = (delays.crowded_sum_ns[busy] + delays.crowded_sum_ns[unknown]) / waits;
  std::string text = fmt::format(
      "For {} of the time, {} had been woken and waited for a CPU on which another thread ran: {} "
      "of {} wakeups, {} each on average. ",
      percent(share), client ? "clients" : "server threads", waits, sum(delays.count),
      duration_text(mean));
  if (client) {
    // Return, split where both its parts are recorded.
    const uint64_t until_run = sum(delays.ns);
    const uint64_t back = e.until_woken_ns + until_run;
    text += fmt::format("Of the return, {} passed until the client was woken and {} until it ran.",
                        percent_text(e.until_woken_ns, back), percent_text(until_run, back));
  } else {
    text += "Give the server a CPU of its own, a higher priority, or the load fewer threads.";
  }
  if (delays.crowded[unknown] * 2 > waits) text += " What those CPUs did is mostly not known.";
  out.push_back({.kind = client ? "client_cpu_wait" : "server_cpu_wait",
                 .weight_ns = share * static_cast<double>(e.total_ns),
                 .text = text + others(s, {&share})});
}

void stalled(const Evidence& e, const Shares& s, Side side, std::vector<Finding>& out) {
  const bool client = side == Side::client;
  const RunDelays& delays = client ? e.client : e.server;
  const double& share = client ? s.client_stall : s.server_stall;
  if (share < notable || delays.stalled[idle] < enough_waits) return;
  out.push_back(
      {.kind = client ? "client_stalled" : "server_stalled",
       .weight_ns = share * static_cast<double>(e.total_ns),
       .text = fmt::format(
           "For {} of the time, {} had been woken on an idle CPU and did not run: {} of {} "
           "wakeups, "
           "{} each on average. A CPU quota of their cgroup does that (nr_throttled in its "
           "cpu.stat), or a host that takes the CPU away (steal in /proc/stat).{}",
           percent(share), client ? "clients" : "server threads", delays.stalled[idle],
           sum(delays.count), duration_text(delays.stalled_sum_ns[idle] / delays.stalled[idle]),
           others(s, {&share}))});
}

void service(const Evidence& e, const Shares& s, std::vector<Finding>& out) {
  if (s.service < 0.6) return;
  out.push_back({.kind = "service",
                 .weight_ns = s.service * static_cast<double>(e.total_ns),
                 .text = fmt::format("{} of the time was spent in the server.{}",
                                     percent(s.service), others(s, {&s.service}))});
}

// Bounds of the median with 95 % confidence, by the ranks of a binomial distribution.
std::pair<uint64_t, uint64_t> median_bounds(const Histogram& h) {
  const double reach = 0.98 / std::sqrt(static_cast<double>(h.count()));
  return {h.quantile(std::max(0.0, 0.5 - reach)), h.quantile(std::min(1.0, 0.5 + reach))};
}

// What being served on another CPU costs. Only requests for which a server was woken are
// compared, and only where no thread had to wait for a CPU: that would be taken for distance.
void distance(const Evidence& e, const Shares& s, std::vector<Finding>& out) {
  const uint64_t near = e.near.total.count();
  const uint64_t far = e.far.total.count();
  if (near < enough_requests || far < enough_requests) return;
  if (s.crowd() + s.stall() >= notable) return;
  const auto a = static_cast<double>(e.near.total.quantile(0.5));
  const auto b = static_cast<double>(e.far.total.quantile(0.5));
  const auto near_bounds = median_bounds(e.near.total);
  const auto far_bounds = median_bounds(e.far.total);
  const bool apart = near_bounds.second < far_bounds.first || far_bounds.second < near_bounds.first;
  const std::string share = percent_text(far, near + far);
  const std::string medians =
      fmt::format("{} against {} at the median", duration_text(e.far.total.quantile(0.5)),
                  duration_text(e.near.total.quantile(0.5)));
  const double ratio = a > 0 ? b / a : 1;
  if (!apart || (ratio < 1.1 && ratio > 1 / 1.1)) {
    out.push_back(
        {.kind = "same_cpu",
         .text = fmt::format("{} of the requests for which a server was woken were served "
                             "on another CPU, and that made {}difference: {}.",
                             share, apart ? "less than 10 % of " : "no certain ", medians)});
    return;
  }
  const double service_part = static_cast<double>(e.far.service.quantile(0.5)) -
                              static_cast<double>(e.near.service.quantile(0.5));
  const double difference = b - a;
  const double weight = std::abs(difference) * static_cast<double>(far);
  if (service_part / difference >= 0.5) {
    out.push_back({.kind = "server_work_by_cpu",
                   .weight_ns = weight,
                   .text = fmt::format(
                       "{} of the requests for which a server was woken were served on another CPU "
                       "than the client's; {} took those ({}), and {} of the difference is the "
                       "server's own work, not the way.",
                       share, difference > 0 ? "more time" : "less time", medians,
                       percent(std::min(1.0, service_part / difference)))});
    return;
  }
  const std::string effect =
      difference > 0 ? fmt::format("took {:.1f} times as long", ratio) : "were faster for it";
  out.push_back({.kind = "distance",
                 .weight_ns = weight,
                 .text = fmt::format(
                     "{} of the requests for which a server was woken were served on another CPU "
                     "than the client's; those {} ({}). The same opcode and connection are "
                     "compared; of the difference, the server's own work is {}.{}",
                     share, effect, medians,
                     duration_text(static_cast<uint64_t>(std::max(0.0, service_part))),
                     others(s, {&s.handover, &s.service}))});
}

void handover(const Evidence& e, const Shares& s, std::vector<Finding>& out) {
  if (s.handover < 0.6) return;
  double weight = s.handover * static_cast<double>(e.total_ns);
  // What the distance costs is part of it, and says more.
  for (const Finding& finding : out) {
    if (finding.kind == "distance") weight = std::min(weight, 0.9 * finding.weight_ns);
  }
  out.push_back({.kind = "handover",
                 .weight_ns = weight,
                 .text = fmt::format("{} of the time went into handing requests over: waking "
                                     "threads, switching them in, taking requests.{}",
                                     percent(s.handover), others(s, {&s.handover}))});
}

}  // namespace

ServerLoad load_of(const ServerTimes& times) {
  ServerLoad load;
  load.threads = times.threads.size();
  if (load.threads == 0 || times.left_out > 0 || times.last_ns <= times.first_ns) return load;
  uint64_t served = 0;
  for (const auto& [tid, one] : times.threads) served += one.service_ns;
  const double room =
      static_cast<double>(times.last_ns - times.first_ns) * static_cast<double>(load.threads);
  // A server that answers later serves several requests a thread at once.
  if (const double share = static_cast<double>(served) / room; share <= 1.0) load.busy = share;
  return load;
}

std::vector<Finding> causes_of(const Evidence& e, const ServerLoad& load) {
  std::vector<Finding> out;
  if (e.requests < enough_requests || e.total_ns == 0) return out;
  const Shares s = shares_of(e);
  server_busy(e, s, load, out);
  for (const Side side : {Side::client, Side::server}) {
    cpu_wait(e, s, side, out);
    stalled(e, s, side, out);
  }
  service(e, s, out);
  distance(e, s, out);
  handover(e, s, out);
  return out;
}

}  // namespace fusetrace
