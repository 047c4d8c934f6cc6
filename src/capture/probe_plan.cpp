// SPDX-License-Identifier: Apache-2.0
#include "capture/probe_plan.h"

namespace fusetrace {
namespace {

class Planner {
 public:
  Planner(const Features& features, ProbePreference preference)
      : features_(features), preference_(preference) {}

  bool tracepoint(const std::string& name) const { return features_.tracepoints.contains(name); }
  bool fentry(const std::string& function) const {
    return features_.fentry && features_.functions.contains(function) &&
           preference_ != ProbePreference::tracepoint && preference_ != ProbePreference::kprobe;
  }

  void use(const char* point, const std::string& hook, const char* program, std::string why) {
    plan_.probes.push_back({point, hook, std::move(why)});
    plan_.programs.emplace_back(program);
  }
  void unknown(const char* point, std::string why) {
    plan_.probes.push_back({point, "", std::move(why)});
  }
  void required(const char* point, const std::string& tracepoint_name, const char* program) {
    if (tracepoint(tracepoint_name)) {
      use(point, "tp_btf/" + tracepoint_name, program, "");
    } else {
      unknown(point, "no tracepoint " + tracepoint_name);
      if (plan_.missing.empty()) plan_.missing = tracepoint_name;
    }
  }
  std::string no_functions() const {
    if (preference_ == ProbePreference::tracepoint) return "function hooks were not wanted";
    return "functions cannot be hooked (" + features_.fentry_error + ")";
  }

  ProbePlan take() { return std::move(plan_); }

 private:
  const Features& features_;
  ProbePreference preference_;
  ProbePlan plan_;
};

}  // namespace

ProbePlan make_probe_plan(const Features& features, ProbePreference preference) {
  Planner plan(features, preference);
  plan.required("queued", "fuse_request_send", "on_fuse_request_send");
  if (plan.fentry("fuse_dev_do_read")) {
    plan.use("picked_up", "fexit/fuse_dev_do_read", "on_fuse_dev_do_read", "");
  } else if (plan.tracepoint("sys_exit")) {
    plan.use("picked_up", "tp_btf/sys_exit", "on_sys_exit", plan.no_functions());
  } else {
    plan.unknown("picked_up", plan.no_functions() + ", and there is no tracepoint sys_exit");
  }
  plan.required("replied", "fuse_request_end", "on_fuse_request_end");
  plan.required("waking", "sched_waking", "on_sched_waking");
  plan.required("migrations", "sched_migrate_task", "on_sched_migrate_task");
  plan.required("switched_in", "sched_switch", "on_sched_switch");
  plan.unknown("wake_flags", plan.no_functions());
  return plan.take();
}

}  // namespace fusetrace
