// SPDX-License-Identifier: Apache-2.0
#include "views/export/perfetto_sched.h"

#include <algorithm>
#include <cstring>
#include <string>

namespace fusetrace {

namespace {

constexpr int32_t unknown_priority = 120;  // that of a thread with nice 0; a record has none
constexpr int64_t state_sleeping = 1;      // TASK_INTERRUPTIBLE, which shows as S

std::string_view comm_of(uint32_t tid, const ExportContext& context) {
  if (tid == 0) return "swapper";
  const auto it = context.tasks.find(tid);
  if (it == context.tasks.end()) return {};
  return {it->second.comm, strnlen(it->second.comm, FT_COMM_LEN)};
}

}  // namespace

void PerfettoSched::add(const ft_request& r) {
  const bool woken = r.woken_tid != 0 && r.server_waking_ns != 0;
  if (woken) {
    sleeps_before(r.woken_tid, r.server_waking_ns);
    wakes(r.woken_tid, r.server_waking_ns, r.client_tid, r.server_waker_cpu, r.server_prev_cpu);
    // A thread that moved between placement and pickup started on another CPU
    // than it was put on; which one is known only if it then took the request.
    const bool stayed = r.migrations_server_waiting == 0;
    const uint32_t cpu = stayed                        ? r.server_target_cpu
                         : r.woken_tid == r.server_tid ? r.server_cpu
                                                       : FT_CPU_UNKNOWN;
    runs(r.woken_tid, r.server_running_ns, cpu);
  }
  saw_running(r.server_tid, r.picked_up_ns);
  saw_running(r.replier_tid, r.replied_ns);

  if (r.kind != FT_KIND_SYNC) return;
  saw_running(r.client_tid,
              woken && r.server_waking_ns > r.queued_ns ? r.server_waking_ns : r.queued_ns);
  if (r.client_waking_ns == 0 || (r.flags & FT_F_CLIENT_NEVER_SLEPT) != 0) return;
  sleeps_before(r.client_tid, r.client_waking_ns);
  wakes(r.client_tid, r.client_waking_ns, r.replier_tid, r.client_waker_cpu, r.client_prev_cpu);
  runs(r.client_tid, r.resumed_ns, r.resume_cpu);
}

void PerfettoSched::saw_running(uint32_t tid, uint64_t ns) {
  if (tid == 0 || ns == 0) return;
  const auto it = threads_.find(tid);
  if (it != threads_.end()) it->second.seen_ns = std::max(it->second.seen_ns, ns);
}

void PerfettoSched::sleeps_before(uint32_t tid, uint64_t ns) {
  const auto it = threads_.find(tid);
  if (it == threads_.end()) return;
  const Running running = it->second;
  // Requests come in the order of their end. One that comes late changes nothing.
  if (running.seen_ns >= ns) return;
  threads_.erase(it);
  // If another thread was switched in there since, this thread was switched out then.
  if (on_cpu_[running.cpu] != tid) return;
  events_.push_back({running.seen_ns, running.cpu, 0, 0, 0});
  on_cpu_[running.cpu] = 0;
}

void PerfettoSched::wakes(uint32_t tid, uint64_t ns, uint32_t waker, uint32_t waker_cpu,
                          uint32_t slept_on) {
  if (tid == 0 || waker == 0 || waker_cpu == FT_CPU_UNKNOWN) return;
  events_.push_back({ns, waker_cpu, tid, waker, static_cast<uint16_t>(slept_on)});
}

void PerfettoSched::runs(uint32_t tid, uint64_t ns, uint32_t cpu) {
  if (tid == 0 || ns == 0 || cpu == FT_CPU_UNKNOWN) return;
  Running& running = threads_[tid];
  if (running.in_ns >= ns) return;
  running = {cpu, ns, ns};
  on_cpu_[cpu] = tid;
  events_.push_back({ns, cpu, tid, 0, 0});
}

void PerfettoSched::write(PerfettoStream& stream, const ExportContext& context) {
  std::sort(events_.begin(), events_.end(), [](const Event& a, const Event& b) {
    return a.cpu != b.cpu ? a.cpu < b.cpu : a.ns < b.ns;
  });
  for (auto first = events_.begin(); first != events_.end();) {
    const auto last = std::find_if(first, events_.end(),
                                   [&](const Event& event) { return event.cpu != first->cpu; });
    write_bundle(stream, &*first, &*first + (last - first), context);
    first = last;
  }
  events_.clear();
}

void PerfettoSched::write_bundle(PerfettoStream& stream, const Event* first, const Event* last,
                                 const ExportContext& context) {
  // The compact form of switches does not name the thread that ran before, and its times are
  // differences to the event before.
  std::vector<uint64_t> times;
  std::vector<int64_t> states;
  std::vector<int32_t> pids;
  std::vector<int32_t> priorities;
  std::vector<uint32_t> names;
  std::vector<std::string_view> table;
  std::unordered_map<uint32_t, uint32_t> name_of;  // tid -> position in table
  uint64_t before = 0;
  for (const Event* event = first; event != last; event++) {
    if (event->waker != 0) continue;
    times.push_back(stream.boot_ns(event->ns) - before);
    before = stream.boot_ns(event->ns);
    states.push_back(state_sleeping);
    pids.push_back(static_cast<int32_t>(event->tid));
    priorities.push_back(unknown_priority);
    const auto [it, added] = name_of.emplace(event->tid, static_cast<uint32_t>(table.size()));
    if (added) table.push_back(comm_of(event->tid, context));
    names.push_back(it->second);
  }

  stream.packet([&](protozero::pbf_writer& packet) {
    using namespace perfetto;
    protozero::pbf_writer bundle(packet, packet_ftrace_events);
    bundle.add_uint32(bundle_cpu, first->cpu);
    for (const Event* event = first; event != last; event++) {
      if (event->waker == 0) continue;
      protozero::pbf_writer ftrace(bundle, bundle_event);
      ftrace.add_uint64(ftrace_timestamp, stream.boot_ns(event->ns));
      ftrace.add_uint32(ftrace_pid, event->waker);
      protozero::pbf_writer waking(ftrace, ftrace_sched_waking);
      const std::string_view comm = comm_of(event->tid, context);
      waking.add_string(waking_comm, comm.data(), comm.size());
      waking.add_int32(waking_pid, static_cast<int32_t>(event->tid));
      waking.add_int32(waking_prio, unknown_priority);
      waking.add_int32(waking_success, 1);
      if (event->target != FT_CPU_UNKNOWN) waking.add_int32(waking_target_cpu, event->target);
    }
    if (times.empty()) return;
    protozero::pbf_writer compact(bundle, bundle_compact_sched);
    compact.add_packed_uint64(compact_switch_timestamp, times.begin(), times.end());
    compact.add_packed_int64(compact_switch_prev_state, states.begin(), states.end());
    compact.add_packed_int32(compact_switch_next_pid, pids.begin(), pids.end());
    compact.add_packed_int32(compact_switch_next_prio, priorities.begin(), priorities.end());
    for (std::string_view name : table)
      compact.add_string(compact_intern_table, name.data(), name.size());
    compact.add_packed_uint32(compact_switch_next_comm_index, names.begin(), names.end());
  });
}

}  // namespace fusetrace
