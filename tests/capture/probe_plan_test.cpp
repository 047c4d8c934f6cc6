// SPDX-License-Identifier: Apache-2.0
// The probe plan from stored feature sets of real kernels, without a kernel.
#include "capture/probe_plan.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "capture/bpf_object.h"

namespace fusetrace {
namespace {

// 6.1 as Debian ships it: FUSE is a module, without tracepoints of its own.
Features debian_6_1() {
  Features f;
  f.kernel = "6.1.0-44-cloud-amd64";
  f.btf = f.fuse = f.fuse_module = f.fuse_types = true;
  f.tracepoints = {"sched_waking",       "sched_wakeup", "sched_switch",
                   "sched_migrate_task", "sys_exit",     "io_uring_complete"};
  f.functions = {"fuse_dev_do_read", "fuse_request_end", "queue_request_and_unlock",
                 "select_task_rq_fair"};
  f.fentry = f.kprobe = true;
  return f;
}

// 6.18 with lockdown=integrity and without kprobes: nothing but tracepoints.
Features locked_down_6_18() {
  Features f;
  f.kernel = "6.18.44";
  f.btf = f.fuse = f.fuse_types = true;
  f.tracepoints = {"fuse_request_send", "fuse_request_end",   "sched_waking", "sched_wakeup",
                   "sched_switch",      "sched_migrate_task", "sys_exit",     "io_uring_complete"};
  f.functions = {"fuse_dev_do_read", "fuse_request_end", "fuse_dev_queue_req",
                 "select_task_rq_fair"};
  f.fentry_error = "load: Operation not permitted";
  f.kprobe_error = "kernel built without kprobes";
  return f;
}

std::string hook_of(const ProbePlan& plan, const std::string& point) {
  for (const Probe& probe : plan.probes) {
    if (probe.point == point) return probe.hook;
  }
  return "no such point";
}

std::string reason_of(const ProbePlan& plan, const std::string& point) {
  for (const Probe& probe : plan.probes) {
    if (probe.point == point) return probe.reason;
  }
  return "no such point";
}

bool loads(const ProbePlan& plan, const std::string& program) { return plan.loads(program); }

// Of all programs of a plan.
std::vector<std::string> stand_ins_of(const ProbePlan& plan) {
  std::vector<std::string> names;
  for (const PlannedProgram& planned : plan.programs) {
    names.insert(names.end(), planned.stand_ins.begin(), planned.stand_ins.end());
  }
  return names;
}

TEST(ProbePlan, LockedDownKernelIsCoveredByTracepointsAlone) {
  const ProbePlan plan = make_probe_plan(locked_down_6_18(), ProbePreference::best);
  EXPECT_EQ(plan.missing, "");
  EXPECT_EQ(hook_of(plan, "queued"), "tp_btf/fuse_request_send");
  EXPECT_EQ(hook_of(plan, "picked_up"), "tp_btf/sys_exit");
  EXPECT_EQ(hook_of(plan, "replied"), "tp_btf/fuse_request_end");
  EXPECT_EQ(hook_of(plan, "wake_flags"), "");
  for (const PlannedProgram& planned : plan.programs)
    EXPECT_TRUE(planned.program.starts_with("on_")) << planned.program;
}

TEST(ProbePlan, SaysWhyAWorseHookWasTaken) {
  const ProbePlan plan = make_probe_plan(locked_down_6_18(), ProbePreference::best);
  EXPECT_NE(reason_of(plan, "picked_up").find("no fentry (load: Operation not permitted)"),
            std::string::npos);
  EXPECT_NE(reason_of(plan, "wake_flags").find("Operation not permitted"), std::string::npos);
  EXPECT_EQ(reason_of(plan, "queued"), "");
}

TEST(ProbePlan, WithoutFuseTracepointsFunctionsAreHooked) {
  const ProbePlan plan = make_probe_plan(debian_6_1(), ProbePreference::best);
  EXPECT_EQ(plan.missing, "");
  EXPECT_EQ(hook_of(plan, "queued"), "fentry/queue_request_and_unlock");
  EXPECT_EQ(hook_of(plan, "picked_up"), "fexit/fuse_dev_do_read");
  EXPECT_EQ(hook_of(plan, "replied"), "fentry/fuse_request_end");
  EXPECT_EQ(hook_of(plan, "wake_flags"), "fentry/select_task_rq_fair");
}

TEST(ProbePlan, KprobesWhereFentryIsNotToBeHad) {
  Features features = debian_6_1();
  features.fentry = false;
  features.fentry_error = "attach: Invalid argument";
  const ProbePlan plan = make_probe_plan(features, ProbePreference::best);
  EXPECT_EQ(hook_of(plan, "queued"), "kprobe/queue_request_and_unlock");
  EXPECT_EQ(hook_of(plan, "picked_up"), "kretprobe/fuse_dev_do_read");
  EXPECT_TRUE(loads(plan, "kprobe_fuse_dev_do_read"));
  EXPECT_TRUE(loads(plan, "kretprobe_fuse_dev_do_read"));
  EXPECT_EQ(hook_of(plan, "wake_flags"), "");
}

TEST(ProbePlan, NothingThatShowsTheQueueingIsAnErrorThatNamesIt) {
  Features features = debian_6_1();
  features.fentry = features.kprobe = false;
  features.fentry_error = features.kprobe_error = "locked down";
  const ProbePlan plan = make_probe_plan(features, ProbePreference::best);
  EXPECT_NE(plan.missing.find("no tracepoint fuse_request_send"), std::string::npos)
      << plan.missing;
}

TEST(ProbePlan, PreferenceForcesAKindWhereThereIsOne) {
  Features features = locked_down_6_18();
  features.fentry = features.kprobe = true;
  EXPECT_EQ(hook_of(make_probe_plan(features, ProbePreference::best), "picked_up"),
            "fexit/fuse_dev_do_read");
  EXPECT_EQ(hook_of(make_probe_plan(features, ProbePreference::tracepoint), "picked_up"),
            "tp_btf/sys_exit");
  const ProbePlan fentry = make_probe_plan(features, ProbePreference::fentry);
  EXPECT_EQ(hook_of(fentry, "queued"), "fentry/fuse_dev_queue_req");
  EXPECT_EQ(hook_of(fentry, "replied"), "fentry/fuse_request_end");
  EXPECT_EQ(hook_of(fentry, "waking"), "tp_btf/sched_waking");  // no other kind
  const ProbePlan kprobe = make_probe_plan(features, ProbePreference::kprobe);
  EXPECT_EQ(hook_of(kprobe, "queued"), "kprobe/fuse_dev_queue_req");
  EXPECT_EQ(hook_of(kprobe, "picked_up"), "kretprobe/fuse_dev_do_read");
}

std::vector<ProbePlan> every_plan(Features features) {
  std::vector<ProbePlan> plans;
  for (const bool preemptible : {false, true}) {
    for (const bool io_uring : {false, true}) {
      features.preemptible_tracepoints = features.preemptible_functions = preemptible;
      features.io_uring = io_uring;
      for (const auto preference : {ProbePreference::best, ProbePreference::tracepoint,
                                    ProbePreference::fentry, ProbePreference::kprobe}) {
        plans.push_back(make_probe_plan(features, preference));
      }
    }
  }
  return plans;
}

// What the object has not, nobody would miss when it is loaded.
TEST(ProbePlan, NamesProgramsThatThereAre) {
  BpfObject object(fusetrace_bpf__open());
  ASSERT_TRUE(object);
  const auto there = [&](const std::string& name) {
    return bpf_object__find_program_by_name(object->obj, name.c_str()) != nullptr;
  };
  const Features newer = locked_down_6_18();
  Features all = debian_6_1();
  all.tracepoints.insert(newer.tracepoints.begin(), newer.tracepoints.end());
  for (const Features& features : {all, newer}) {
    for (const ProbePlan& plan : every_plan(features)) {
      for (const std::string& name : plan.attach_order()) EXPECT_TRUE(there(name)) << name;
    }
  }
}

TEST(ProbePlan, StandInsForWhatCanBePreempted) {
  using Names = std::vector<std::string>;
  Features features = locked_down_6_18();
  features.fentry = features.kprobe = true;
  EXPECT_TRUE(stand_ins_of(make_probe_plan(features, ProbePreference::best)).empty());
  EXPECT_FALSE(make_probe_plan(features, ProbePreference::best).is_preemptible());
  features.preemptible_tracepoints = features.preemptible_functions = true;
  EXPECT_TRUE(make_probe_plan(features, ProbePreference::best).is_preemptible());
  EXPECT_EQ(stand_ins_of(make_probe_plan(features, ProbePreference::best)),
            (Names{"fuse_request_send_stand_in_1", "fuse_request_send_stand_in_2",
                   "fuse_request_send_stand_in_3", "fuse_dev_do_read_stand_in_1",
                   "fuse_dev_do_read_stand_in_2", "fuse_dev_do_read_stand_in_3",
                   "fuse_request_end_stand_in_1", "fuse_request_end_stand_in_2",
                   "fuse_request_end_stand_in_3"}));
  EXPECT_EQ(stand_ins_of(make_probe_plan(features, ProbePreference::fentry)).front(),
            "fuse_dev_queue_req_stand_in_1");
  EXPECT_TRUE(stand_ins_of(make_probe_plan(features, ProbePreference::kprobe)).empty());
}

// Full preemption before 7.0: programs at functions only.
TEST(ProbePlan, StandInsOnlyAtHooksThatCanBePreempted) {
  Features features = locked_down_6_18();
  features.fentry = features.preemptible_functions = true;
  for (const PlannedProgram& planned : make_probe_plan(features, ProbePreference::best).programs) {
    EXPECT_EQ(planned.stand_ins.empty(), planned.program != "fexit_fuse_dev_do_read")
        << planned.program;
  }
  EXPECT_FALSE(make_probe_plan(features, ProbePreference::tracepoint).is_preemptible());
}

// The kernel runs programs at a tracepoint in the order of their attachment, and those at
// a function in the reverse order.
TEST(ProbePlan, StandInsRunAfterTheProgramThatTheyStandInFor) {
  Features features = locked_down_6_18();
  features.fentry = features.preemptible_tracepoints = features.preemptible_functions = true;
  const std::vector<std::string> order =
      make_probe_plan(features, ProbePreference::best).attach_order();
  const auto place = [&](const char* name) {
    return std::find(order.begin(), order.end(), name) - order.begin();
  };
  EXPECT_LT(place("on_fuse_request_send"), place("fuse_request_send_stand_in_1"));
  EXPECT_LT(place("fuse_request_send_stand_in_1"), place("fuse_request_send_stand_in_3"));
  EXPECT_LT(place("fuse_dev_do_read_stand_in_3"), place("fexit_fuse_dev_do_read"));
}

TEST(ProbePlan, IoUringOnlyWhereItIsSwitchedOn) {
  Features features = locked_down_6_18();
  EXPECT_FALSE(loads(make_probe_plan(features, ProbePreference::best), "on_io_uring_complete"));
  features.io_uring = true;
  EXPECT_TRUE(loads(make_probe_plan(features, ProbePreference::best), "on_io_uring_complete"));
}

TEST(ProbePlan, IoUringIsSeenThroughEveryKindOfHook) {
  Features features = locked_down_6_18();
  features.io_uring = features.fentry = features.kprobe = true;
  features.functions.insert({"fuse_uring_queue_fuse_req", "__io_uring_cmd_done"});
  // The tracepoint tells of all transports; other hooks are the device's alone.
  ProbePlan plan = make_probe_plan(features, ProbePreference::best);
  EXPECT_EQ(hook_of(plan, "queued"), "tp_btf/fuse_request_send");
  EXPECT_FALSE(loads(plan, "kprobe_fuse_uring_queue_fuse_req"));
  EXPECT_EQ(hook_of(plan, "picked_up_io_uring"), "tp_btf/io_uring_complete");
  features.preemptible_tracepoints = features.preemptible_functions = true;
  plan = make_probe_plan(features, ProbePreference::kprobe);
  EXPECT_EQ(hook_of(plan, "queued"), "kprobe/fuse_dev_queue_req");
  EXPECT_EQ(hook_of(plan, "queued_io_uring"), "kprobe/fuse_uring_queue_fuse_req");
  EXPECT_EQ(hook_of(plan, "picked_up_io_uring"), "kprobe/__io_uring_cmd_done");
  for (const auto preference : {ProbePreference::fentry, ProbePreference::kprobe}) {
    EXPECT_TRUE(loads(make_probe_plan(features, preference), "kprobe_fuse_uring_queue_fuse_req"));
  }
}

}  // namespace
}  // namespace fusetrace
