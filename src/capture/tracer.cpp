// SPDX-License-Identifier: Apache-2.0
#include "capture/tracer.h"

#include <algorithm>
#include <optional>

#include "capture/bpf_object.h"
#include "capture/iterators.h"
#include "capture/losses.h"
#include "capture/open_requests.h"
#include "capture/rings.h"
#include "capture/settings.h"
#include "capture/topology_sysfs.h"
#include "capture/totals.h"
#include "model/request.h"

namespace fusetrace {

struct Tracer::State {
  // Destroyed in reverse: what uses the object before the object.
  ProbePlan plan;
  BpfObject object;
  std::vector<Descriptor> cgroups;
  Rings rings;
  std::optional<Totals> totals;
  std::vector<ft_server_thread> server_threads;
  uint64_t unanswered = 0;

  Result<void> load(const TracerOptions& options, const Features& features);
  Result<void> map_totals();
  Result<std::vector<ft_open_device>> scan();
};

Result<void> Tracer::State::load(const TracerOptions& options, const Features& features) {
  auto opened = open_object(plan);
  if (!opened) return tl::make_unexpected(opened.error());
  object = std::move(*opened);
  auto done = write_settings(*object, options, features, plan);
  if (done) done = load_object(*object);
  if (done && !options.totals) done = rings.make(*object, options.ring_bytes);
  if (!done) return done;
  auto installed = install_cgroups(*object, options.cgroups);
  if (!installed) return tl::make_unexpected(installed.error());
  cgroups = std::move(*installed);
  return {};
}

Result<void> Tracer::State::map_totals() {
  auto mapped = Totals::map(*object);
  if (!mapped) return tl::make_unexpected(mapped.error());
  totals = std::move(*mapped);
  return {};
}

Result<std::vector<ft_open_device>> Tracer::State::scan() {
  auto devices = fusetrace::scan_devices(*object);
  if (!devices) return devices;
  auto threads = scan_server_threads(*object);
  if (!threads) return tl::make_unexpected(threads.error());
  server_threads = std::move(*threads);
  return devices;
}

Tracer::Tracer(std::unique_ptr<State> state) : state_(std::move(state)) {}
Tracer::Tracer(Tracer&&) noexcept = default;
Tracer& Tracer::operator=(Tracer&&) noexcept = default;

Tracer::~Tracer() {
  if (state_ && state_->object && state_->object->bss != nullptr) {
    state_->object->bss->enabled = false;
  }
}

Result<Tracer> Tracer::start(const Features& features, const TracerOptions& options) {
  log_libbpf_to(options.log);
  auto state = std::make_unique<State>();
  state->plan = make_probe_plan(features, options.preference);
  if (!state->plan.missing.empty()) {
    return fail("this kernel cannot be traced: " + state->plan.missing,
                "`fusetrace doctor` shows what it offers");
  }
  auto done = state->load(options, features);
  if (done) done = attach_programs(*state->object, state->plan);
  if (!done) return tl::make_unexpected(done.error());
  if (auto devices = state->scan(); !devices) return tl::make_unexpected(devices.error());
  if (options.totals) done = state->map_totals();
  if (!done) return tl::make_unexpected(done.error());
  Tracer tracer(std::move(state));
  tracer.set_topology(read_topology());
  tracer.state_->object->bss->enabled = true;
  return tracer;
}

void Tracer::drain(std::vector<ft_request>& requests, std::vector<ft_task>& tasks) {
  const auto first = static_cast<std::ptrdiff_t>(requests.size());
  state_->rings.drain(requests, tasks);
  std::stable_sort(requests.begin() + first, requests.end(),
                   [](const auto& a, const auto& b) { return end_of(a) < end_of(b); });
}

Result<void> Tracer::stop(std::vector<ft_request>& requests, std::vector<ft_task>& tasks) {
  state_->object->bss->enabled = false;
  // A program that has just taken room in a ring, or a slot to hand over, has put its
  // record there when it has ended.
  const auto ended = state_->rings.wait_for_programs(*state_->object);
  drain(requests, tasks);
  if (!ended) return ended;
  const auto unanswered = take_open_requests(*state_->object, requests);
  if (!unanswered) return tl::make_unexpected(unanswered.error());
  state_->unanswered += *unanswered;
  return {};
}

void Tracer::read_totals(Snapshot& out) const {
  if (state_->totals) state_->totals->read(out);
}

std::vector<uint32_t> Tracer::connections() const {
  return state_->totals ? state_->totals->connections() : std::vector<uint32_t>{};
}

void Tracer::set_topology(const Topology& topology) {
  for (const Cpu& cpu : topology.cpus()) {
    if (cpu.id >= FT_MAX_CPUS) continue;
    state_->object->bss->places[cpu.id] = {cpu.core, cpu.llc, cpu.node, 1};
  }
}

Losses Tracer::losses() const {
  Losses sum = read_losses(*state_->object, state_->plan);
  sum.lost[FT_LOSS_UNKNOWN_RECORD] += state_->rings.unknown_records();
  sum.incomplete[FT_INCOMPLETE_UNANSWERED] += state_->unanswered;
  return sum;
}

double Tracer::run_seconds() const { return read_run_seconds(*state_->object); }

const ProbePlan& Tracer::plan() const { return state_->plan; }

Result<std::vector<ft_open_device>> Tracer::scan_devices() { return state_->scan(); }

const std::vector<ft_server_thread>& Tracer::server_threads() const {
  return state_->server_threads;
}

Descriptor count_run_time() { return Descriptor(bpf_enable_stats(BPF_STATS_RUN_TIME)); }

}  // namespace fusetrace
