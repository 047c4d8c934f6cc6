// SPDX-License-Identifier: Apache-2.0
#include "capture/probe_plan.h"

#include <algorithm>
#include <optional>
#include <string_view>

namespace fusetrace {
namespace {

// One way to see a point: the hook as users know it, and the BPF program(s)
// behind it. A kprobe pair is two programs.
struct Hook {
  enum class Kind { tracepoint, fentry, kprobe };
  Kind kind;
  const char* target;  // tracepoint or function
  const char* name;    // "fexit/fuse_dev_do_read"
  std::vector<PlannedProgram> programs;
};

// A program at a point where others can preempt it, with those that stand in for it
// where they can.
PlannedProgram at_tracepoint(const char* program, std::vector<std::string> stand_ins) {
  return {program, std::move(stand_ins), StandInOrder::after, true};
}
PlannedProgram at_function(const char* program, std::vector<std::string> stand_ins,
                           bool skips_show) {
  return {program, std::move(stand_ins), StandInOrder::before, skips_show};
}

const std::vector<Hook> queued_hooks = {
    {Hook::Kind::tracepoint,
     "fuse_request_send",
     "tp_btf/fuse_request_send",
     {at_tracepoint("on_fuse_request_send",
                    {"fuse_request_send_stand_in_1", "fuse_request_send_stand_in_2",
                     "fuse_request_send_stand_in_3"})}},
    {Hook::Kind::fentry,
     "fuse_dev_queue_req",
     "fentry/fuse_dev_queue_req",
     {at_function("fentry_fuse_dev_queue_req",
                  {"fuse_dev_queue_req_stand_in_1", "fuse_dev_queue_req_stand_in_2",
                   "fuse_dev_queue_req_stand_in_3"},
                  true)}},
    {Hook::Kind::fentry,
     "queue_request_and_unlock",
     "fentry/queue_request_and_unlock",
     {{"fentry_queue_request_and_unlock"}}},
    {Hook::Kind::kprobe,
     "fuse_dev_queue_req",
     "kprobe/fuse_dev_queue_req",
     {{"kprobe_fuse_dev_queue_req"}}},
    {Hook::Kind::kprobe,
     "queue_request_and_unlock",
     "kprobe/queue_request_and_unlock",
     {{"kprobe_queue_request_and_unlock"}}},
};

const std::vector<Hook> picked_up_hooks = {
    {Hook::Kind::fentry,
     "fuse_dev_do_read",
     "fexit/fuse_dev_do_read",
     {at_function("fexit_fuse_dev_do_read",
                  {"fuse_dev_do_read_stand_in_1", "fuse_dev_do_read_stand_in_2",
                   "fuse_dev_do_read_stand_in_3"},
                  false)}},
    {Hook::Kind::kprobe,
     "fuse_dev_do_read",
     "kretprobe/fuse_dev_do_read",
     {{"kprobe_fuse_dev_do_read"}, {"kretprobe_fuse_dev_do_read"}}},
    {Hook::Kind::tracepoint,
     "fuse_request_sent",
     "tp_btf/fuse_request_sent",
     {{"on_fuse_request_sent"}, {"on_sys_exit"}}},
    {Hook::Kind::tracepoint, "sys_exit", "tp_btf/sys_exit", {{"on_sys_exit"}}},
};

const std::vector<Hook> replied_hooks = {
    {Hook::Kind::tracepoint,
     "fuse_request_end",
     "tp_btf/fuse_request_end",
     {at_tracepoint("on_fuse_request_end",
                    {"fuse_request_end_stand_in_1", "fuse_request_end_stand_in_2",
                     "fuse_request_end_stand_in_3"})}},
    {Hook::Kind::fentry,
     "fuse_request_end",
     "fentry/fuse_request_end",
     {at_function("fentry_fuse_request_end",
                  {"fentry_fuse_request_end_stand_in_1", "fentry_fuse_request_end_stand_in_2",
                   "fentry_fuse_request_end_stand_in_3"},
                  true)}},
    {Hook::Kind::kprobe,
     "fuse_request_end",
     "kprobe/fuse_request_end",
     {{"kprobe_fuse_request_end"}}},
};

const std::vector<Hook> uring_hooks = {
    {Hook::Kind::tracepoint,
     "io_uring_complete",
     "tp_btf/io_uring_complete",
     {at_tracepoint("on_io_uring_complete",
                    {"io_uring_complete_stand_in_1", "io_uring_complete_stand_in_2",
                     "io_uring_complete_stand_in_3"})}},
    {Hook::Kind::kprobe,
     "__io_uring_cmd_done",
     "kprobe/__io_uring_cmd_done",
     {{"kprobe___io_uring_cmd_done"}}},
    {Hook::Kind::kprobe,
     "io_uring_cmd_done",
     "kprobe/io_uring_cmd_done",
     {{"kprobe_io_uring_cmd_done"}}},
};

// What queueing hooks other than the tracepoint do not see.
const std::vector<Hook> queued_io_uring_hooks = {
    {Hook::Kind::kprobe,
     "fuse_uring_queue_fuse_req",
     "kprobe/fuse_uring_queue_fuse_req",
     {{"kprobe_fuse_uring_queue_fuse_req"}, {"kprobe_fuse_uring_queue_bq_req"}}},
};
const std::vector<Hook> queued_virtio_fs_hooks = {
    {Hook::Kind::kprobe,
     "virtio_fs_send_req",
     "kprobe/virtio_fs_send_req",
     {{"kprobe_virtio_fs_send_req"}}},
};

// Of kernels with several input queues.
const std::vector<Hook> shard_hooks = {
    {Hook::Kind::tracepoint,
     "fuse_iqueue_dequeue",
     "tp_btf/fuse_iqueue_dequeue",
     {{"on_fuse_iqueue_dequeue"}}},
};

const std::vector<Hook> waking_hooks = {
    {Hook::Kind::tracepoint, "sched_waking", "tp_btf/sched_waking", {{"on_sched_waking"}}},
};
const std::vector<Hook> migration_hooks = {
    {Hook::Kind::tracepoint,
     "sched_migrate_task",
     "tp_btf/sched_migrate_task",
     {{"on_sched_migrate_task"}}},
};
const std::vector<Hook> switch_hooks = {
    {Hook::Kind::tracepoint, "sched_switch", "tp_btf/sched_switch", {{"on_sched_switch"}}},
};
const std::vector<Hook> wake_flag_hooks = {
    {Hook::Kind::fentry,
     "select_task_rq_fair",
     "fentry/select_task_rq_fair",
     {{"fentry_select_task_rq_fair"}}},
};

class Planner {
 public:
  Planner(const Features& features, ProbePreference preference)
      : features_(features), preference_(preference) {}

  // Takes the first hook that is to be had, preferred kinds first.
  void choose(const char* point, const std::vector<Hook>& hooks, bool required) {
    std::string reason;
    const Hook* chosen = first_usable(hooks, preferred_kind(), reason);
    if (chosen == nullptr) chosen = first_usable(hooks, std::nullopt, reason);
    if (chosen == nullptr) {
      plan_.probes.push_back({point, "", reason});
      if (required && plan_.missing.empty()) plan_.missing = reason;
      return;
    }
    plan_.probes.push_back({point, chosen->name, reason});
    for (PlannedProgram program : chosen->programs) {
      // Kprobe programs run with preemption off.
      const bool preemptible = chosen->kind == Hook::Kind::tracepoint
                                   ? features_.preemptible_tracepoints
                                   : features_.preemptible_functions;
      if (!preemptible || chosen->kind == Hook::Kind::kprobe) {
        program.stand_ins.clear();
        program.skips_show = false;
      }
      plan_.programs.push_back(std::move(program));
    }
  }

  void skip(const char* point, std::string reason) {
    plan_.probes.push_back({point, "", std::move(reason)});
  }

  bool uses(std::string_view program) const { return plan_.loads(program); }

  ProbePlan take() { return std::move(plan_); }

 private:
  // Why this hook cannot be used; nothing when it can.
  std::optional<std::string> obstacle(const Hook& hook) const {
    const std::string target = hook.target;
    switch (hook.kind) {
      case Hook::Kind::tracepoint:
        if (features_.tracepoints.contains(target)) return std::nullopt;
        return "no tracepoint " + target;
      case Hook::Kind::fentry:
        if (!features_.functions.contains(target)) return "no function " + target;
        if (preference_ == ProbePreference::tracepoint) return "function hooks were not wanted";
        if (features_.fentry) return std::nullopt;
        return "no fentry (" + features_.fentry_error + ")";
      case Hook::Kind::kprobe:
        if (!features_.functions.contains(target)) return "no function " + target;
        if (preference_ == ProbePreference::tracepoint) return "function hooks were not wanted";
        if (features_.kprobe) return std::nullopt;
        return "no kprobe (" + features_.kprobe_error + ")";
    }
    return "unknown kind of hook";
  }

  // The one kind that was asked for, if one was.
  std::optional<Hook::Kind> preferred_kind() const {
    switch (preference_) {
      case ProbePreference::tracepoint:
        return Hook::Kind::tracepoint;
      case ProbePreference::fentry:
        return Hook::Kind::fentry;
      case ProbePreference::kprobe:
        return Hook::Kind::kprobe;
      case ProbePreference::best:
        break;
    }
    return std::nullopt;
  }

  // reason collects why hooks that stand before the chosen one were passed over.
  const Hook* first_usable(const std::vector<Hook>& hooks, std::optional<Hook::Kind> kind,
                           std::string& reason) const {
    for (const Hook& hook : hooks) {
      if (kind && hook.kind != *kind) continue;
      const auto why_not = obstacle(hook);
      if (!why_not) return &hook;
      if (reason.find(*why_not) == std::string::npos) {
        if (!reason.empty()) reason += "; ";
        reason += *why_not;
      }
    }
    return nullptr;
  }

  const Features& features_;
  ProbePreference preference_;
  ProbePlan plan_;
};

}  // namespace

bool ProbePlan::loads(std::string_view program) const {
  return std::any_of(programs.begin(), programs.end(),
                     [&](const PlannedProgram& planned) { return planned.program == program; });
}

std::vector<std::string> ProbePlan::attach_order() const {
  std::vector<std::string> names;
  for (const PlannedProgram& planned : programs) {
    const bool first = planned.order == StandInOrder::before;
    if (!first) names.push_back(planned.program);
    names.insert(names.end(), planned.stand_ins.begin(), planned.stand_ins.end());
    if (first) names.push_back(planned.program);
  }
  return names;
}

bool ProbePlan::is_preemptible() const {
  return std::any_of(programs.begin(), programs.end(),
                     [](const PlannedProgram& planned) { return !planned.stand_ins.empty(); });
}

ProbePlan make_probe_plan(const Features& features, ProbePreference preference) {
  Planner planner(features, preference);
  planner.choose("queued", queued_hooks, true);
  if (!planner.uses("on_fuse_request_send")) {
    if (features.io_uring) planner.choose("queued_io_uring", queued_io_uring_hooks, false);
    if (!planner.uses("fentry_queue_request_and_unlock") &&
        !planner.uses("kprobe_queue_request_and_unlock"))
      planner.choose("queued_virtio_fs", queued_virtio_fs_hooks, false);
  }
  planner.choose("picked_up", picked_up_hooks, true);
  if (features.io_uring) {
    planner.choose("picked_up_io_uring", uring_hooks, false);
  } else {
    planner.skip("picked_up_io_uring",
                 "this kernel has no FUSE over io_uring, or it is switched off");
  }
  // No word of it where there is one queue, as in every kernel that is released.
  if (features.tracepoints.contains("fuse_iqueue_dequeue")) {
    planner.choose("shard", shard_hooks, false);
  }
  planner.choose("replied", replied_hooks, true);
  planner.choose("waking", waking_hooks, true);
  planner.choose("migrations", migration_hooks, true);
  planner.choose("switched_in", switch_hooks, true);
  planner.choose("wake_flags", wake_flag_hooks, false);
  return planner.take();
}

}  // namespace fusetrace
