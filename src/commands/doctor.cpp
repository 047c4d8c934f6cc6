// SPDX-License-Identifier: Apache-2.0
// `fusetrace doctor`: what this kernel lets us see, and why not more.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "capture/features.h"
#include "capture/probe_plan.h"
#include "capture/topology_sysfs.h"
#include "commands/commands.h"
#include "commands/complain.h"

namespace fusetrace {
namespace {

nlohmann::ordered_json to_json(const Features& features, const ProbePlan& plan,
                               const std::string& obstacle) {
  nlohmann::ordered_json out;
  out["schema"] = "fusetrace.doctor/1";
  out["kernel"] = features.kernel;
  out["can_trace"] = obstacle.empty();
  out["obstacle"] = obstacle;
  out["btf"] = features.btf;
  out["fuse"] = features.fuse;
  out["fuse_module"] = features.fuse_module;
  out["fentry"] = features.fentry;
  out["fentry_error"] = features.fentry_error;
  out["kprobe"] = features.kprobe;
  out["kprobe_error"] = features.kprobe_error;
  auto& probes = out["probes"] = nlohmann::ordered_json::object();
  for (const Probe& probe : plan.probes) {
    probes[probe.point] = {{"hook", probe.hook}, {"reason", probe.reason}};
  }
  return out;
}

void print_plan(const Features& features, const ProbePlan& plan, const std::string& obstacle) {
  const Topology topology = read_topology();
  std::string out;
  out += fmt::format("kernel     {}\n", features.kernel);
  out += fmt::format("CPUs       {} online\n", topology.online_count());
  out += fmt::format("BTF        {}\n",
                     features.btf ? "yes" : "no: /sys/kernel/btf/vmlinux is missing");
  out += fmt::format("FUSE       {}\n", !features.fuse         ? "not loaded"
                                        : features.fuse_module ? "as a module"
                                                               : "built in");
  out += fmt::format("fentry     {}\n", features.fentry ? "yes" : "no: " + features.fentry_error);
  out += fmt::format("kprobe     {}\n", features.kprobe ? "yes" : "no: " + features.kprobe_error);
  out += fmt::format("\n{:<19} {:<27} {}\n", "point", "seen through", "why not otherwise");
  for (const Probe& probe : plan.probes) {
    out += fmt::format("{:<19} {:<27} {}\n", probe.point,
                       probe.hook.empty() ? "unknown" : probe.hook, probe.reason);
  }
  out += fmt::format("\n{}\n", obstacle.empty() ? "fusetrace can trace here."
                                                : "fusetrace cannot trace here: " + obstacle);
  print_text(out);
}

int run_doctor(bool json) {
  const Features features = detect_features();
  const ProbePlan plan = make_probe_plan(features, ProbePreference::best);
  std::string obstacle;
  if (const auto ok = check_requirements(features); !ok) {
    obstacle = ok.error().message;
    if (!ok.error().hint.empty()) obstacle += " (" + ok.error().hint + ")";
  } else if (!plan.missing.empty()) {
    obstacle = plan.missing;
  }
  if (json) {
    print_json(to_json(features, plan, obstacle).dump(2) + "\n");
  } else {
    print_plan(features, plan, obstacle);
  }
  return obstacle.empty() ? 0 : 1;
}

}  // namespace

void add_doctor_command(CLI::App& app, Action& action) {
  auto* sub =
      app.add_subcommand("doctor", "show what this kernel lets fusetrace see, and why not more");
  auto json = std::make_shared<bool>(false);
  sub->add_flag("--json", *json, "print JSON (fusetrace.doctor/1)");
  sub->callback([&action, json] { action.run = [json] { return run_doctor(*json); }; });
}

}  // namespace fusetrace
