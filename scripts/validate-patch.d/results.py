#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Turns the runs of validate-patch into RESULTS.md, on standard output.

Every figure is the median over the runs of a variant, with the smallest and the
largest beside it.  A difference counts when the two ranges do not overlap.
"""
import argparse
import collections
import json
import pathlib
import re
import statistics
import subprocess
import sys

VARIANTS = ("base", "fifo", "control", "series")
WORKLOADS = {
    "one-sync": "one sync client, 2 × CPUs servers",
    "one-sync-pinned": "the same, client pinned to CPU 0",
    "two-sync": "2 clients, 10 servers",
    "as-many": "as many clients as CPUs, 2 × CPUs servers",
    "overcommit": "4 × CPUs clients, 2 × CPUs servers",
    "servers-1": "as many clients as CPUs, 1 server",
    "servers-1-one": "1 client, 1 server",
    "servers-4": "as many clients as CPUs, 4 servers",
    "servers-10": "8 clients, 10 servers",
    "servers-n": "as many of each as CPUs",
    "servers-pinned": "the same, a server pinned to each CPU",
    "servers-on-0": "4 servers pinned to CPU 0, clients pinned to all CPUs",
    "epoll": "one epoll server, as many clients as CPUs",
    "busy-service": "as many of each as CPUs, 200 µs of service",
    "async-1": "asynchronous direct reads, depth 1, 2 × CPUs servers",
    "async-4": "asynchronous direct reads, depth 4, 2 × CPUs servers",
    "async-32": "asynchronous direct reads, depth 32, 2 × CPUs servers",
    "hot-client": "bindfs, one busy reader among slow ones",
    "real-sync": "bindfs, one sync reader (fio psync, 4 KiB random)",
}


class Run:
    """The figures of one recording."""

    def __init__(self, report):
        self.requests = report["requests"]
        self.lost = sum(report["lost"].values())
        request, reply = report["hops"]["request"], report["hops"]["reply"]
        self.same_cpu = share(request, "same_cpu")
        self.same_llc = share(request, "same_cpu", "same_core", "same_llc")
        self.reply_same_cpu = share(reply, "same_cpu")
        moved = report["migrations"]
        self.server_migrations = per(
            moved["server_wakeup"] + moved["server_waiting"] + moved["server_serving"],
            self.requests)
        self.client_migrations = per(moved["client_waiting"], self.requests)
        self.total_p50 = report["stages"]["total"]["p50_ns"]
        self.total_p90 = report["stages"]["total"]["p90_ns"]
        self.queue_p90 = report["stages"]["queue"]["p90_ns"]
        self.queue_p99 = report["stages"]["queue"]["p99_ns"]
        shards = [shard for connection in report["connections"].values()
                  for shard in connection.get("shards", {}).values()]
        self.stolen = per(100.0 * sum(shard["stolen"] for shard in shards),
                          sum(shard["requests"] for shard in shards))


def share(hops, *names):
    known = sum(count for name, count in hops.items() if name != "unknown")
    return per(100.0 * sum(hops[name] for name in names), known)


def per(count, total):
    return count / total if total else 0.0


class Figure:
    """One quantity over the runs of a workload and variant."""

    def __init__(self, values):
        self.values = sorted(values)
        self.median = statistics.median(values)

    def text(self, digits):
        low, high = self.values[0], self.values[-1]
        if len(self.values) == 1:
            return f"{self.median:.{digits}f}"
        return f"{self.median:.{digits}f} ({low:.{digits}f}–{high:.{digits}f})"

    def above(self, other):
        """Beyond the spread, which takes three runs a side to be seen."""
        return (min(len(self.values), len(other.values)) >= 3
                and self.values[0] > other.values[-1])


def load(folder):
    """{workload: {variant: [Run]}} of the recordings of one topology."""
    runs = collections.defaultdict(lambda: collections.defaultdict(list))
    for path in sorted(folder.glob("*.report.json")):
        workload, variant, _ = path.name.split(".", 2)
        try:
            runs[workload][variant].append(Run(json.loads(path.read_text())))
        except (ValueError, KeyError) as error:
            print(f"{path}: {error}", file=sys.stderr)
    return runs


def figure(runs, name):
    return Figure([getattr(run, name) for run in runs])


def table(runs, title, name, digits, variants):
    print(f"\n{title}\n")
    print("| workload | " + " | ".join(variants) + " |")
    print("|---|" + "---|" * len(variants))
    for workload, text in WORKLOADS.items():
        by_variant = runs.get(workload)
        if not by_variant:
            continue
        cells = [figure(by_variant[v], name).text(digits) if by_variant.get(v) else "–"
                 for v in variants]
        print(f"| {text} | " + " | ".join(cells) + " |")


def ratio_table(runs, title, names, new, old):
    print(f"\n{title}\n")
    print("| workload | " + " | ".join(names.values()) + " |")
    print("|---|" + "---|" * len(names))
    for workload, text in WORKLOADS.items():
        by_variant = runs.get(workload, {})
        if not by_variant.get(new) or not by_variant.get(old):
            continue
        cells = []
        for name in names:
            a, b = figure(by_variant[new], name), figure(by_variant[old], name)
            ratio = per(a.median, b.median)
            verdict = " (worse)" if a.above(b) else " (better)" if b.above(a) else ""
            cells.append(f"{ratio:.2f}{verdict}")
        print(f"| {text} | " + " | ".join(cells) + " |")


def worse_than(runs, new, old, more_is_better=()):
    """Workloads in which new is worse than old beyond the spread, and how many were judged."""
    worse, judged = [], 0
    for workload, by_variant in runs.items():
        if min(len(by_variant.get(new, [])), len(by_variant.get(old, []))) < 3:
            continue
        judged += 1
        for name, text in (("total_p50", "p50"), ("total_p90", "p90"),
                           ("server_migrations", "migrations")):
            if figure(by_variant[new], name).above(figure(by_variant[old], name)):
                worse.append(f"{workload} ({text})")
        for name, text in more_is_better:
            if figure(by_variant[old], name).above(figure(by_variant[new], name)):
                worse.append(f"{workload} ({text})")
    return worse, judged


def headline(runs, cpus):
    one = runs.get("one-sync", {})
    if not one.get("series") or not one.get("base"):
        return
    hop, base_hop = figure(one["series"], "same_cpu"), figure(one["base"], "same_cpu")
    moves = figure(one["series"], "server_migrations")
    print(f"| {cpus} | same-CPU request hop, one sync client | ≥ 90 % | "
          f"{hop.text(1)} %; base {base_hop.text(1)} % | "
          f"{'reached' if hop.median >= 90 else 'NOT reached'} |")
    print(f"| {cpus} | server migrations per request, same case | ≤ 0.05 | "
          f"{moves.text(3)} | {'reached' if moves.median <= 0.05 else 'NOT reached'} |")
    on_0 = runs.get("servers-on-0", {})
    if on_0.get("series") and on_0.get("base"):
        new, old = figure(on_0["series"], "queue_p99"), figure(on_0["base"], "queue_p99")
        print(f"| {cpus} | servers on CPU 0, clients everywhere: time in the queue, p99 | "
              f"order FIFO | {per(new.median, old.median):.2f} of the base's | "
              "one list, order tested by the selftests |")
    worse, judged = worse_than(runs, "series", "base")
    verdict = "not judged: takes three recordings a side" if not judged else \
        "NOT reached" if worse else "reached"
    print(f"| {cpus} | workloads worse than the base beyond the spread | none | "
          f"{', '.join(worse) or 'none'}, of {judged} with three recordings a side | {verdict} |")


def recordings(runs, variants, whence):
    """How many there are, and of how many requests."""
    counts = [len(r[v]) for r in runs.values() for v in variants if r.get(v)]
    lost = sum(run.lost for r in runs.values() for v in r.values() for run in v)
    requests = sum(run.requests for r in runs.values() for v in r.values() for run in v)
    return (f"{min(counts)} to {max(counts)} recordings of each workload and variant{whence} "
            f"{requests} requests, {lost} lost by the tracer.")


def diff_of(fusetrace, folder, workload):
    """What `fusetrace diff` says of base and series, or nothing if it cannot."""
    files = {v: sorted(p.name for p in folder.glob(f"{workload}.{v}.*.rec"))
             for v in ("base", "series")}
    if not all(files.values()):
        return ""
    done = subprocess.run([fusetrace, "diff", "--base", *files["base"], "--new", *files["series"]],
                          cwd=folder, capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else ""


def selftest_table(runs_folder):
    print("\n## Selftests\n\n| kernel | CPUs | passed | failed | skipped |\n|---|---|---|---|---|")
    for log in sorted(runs_folder.glob("selftests-*/job.log")):
        match = re.match(r"selftests-(.*)-(\d+)$", log.parent.name)
        text = log.read_text(errors="replace")
        skipped = len(re.findall(r"^ok \d+ .*# SKIP", text, re.M))
        passed = len(re.findall(r"^ok \d+ ", text, re.M)) - skipped
        failures = re.findall(r"^not ok \d+ (\S+)", text, re.M)
        names = ", ".join(sorted(set(failures)))
        done = (log.parent / "job.rc").exists()
        print(f"| {match[1]} | {match[2]} | {passed} | "
              f"{len(failures)}{' (' + names + ')' if names else ''}"
              f"{'' if done else ', did not finish'} | {skipped} |")
    control = runs_folder / "positive-control" / "job.log"
    if control.exists():
        print("\nPositive control of the debug kernel: " +
              "; ".join(control.read_text().split("\n")).strip("; ") + ".")


def missing(runs_folder, topologies, wanted, last_commit):
    """What a full validation has and this one has not."""
    lacks = []
    for name, what in (("selftests-series-2", "the selftests on 2 CPUs"),
                       ("selftests-series-8", "the selftests on 8 CPUs"),
                       ("positive-control", "the debug kernel's positive control"),
                       ("selftests-debug-2", "the selftests on the debug kernel, 2 CPUs"),
                       ("selftests-debug-8", "the selftests on the debug kernel, 8 CPUs"),
                       (f"selftests-{last_commit:04}-8", "the selftests commit by commit")):
        if not (runs_folder / name / "job.rc").exists():
            lacks.append(what)
    for cpus in wanted:
        if cpus not in topologies:
            lacks.append(f"measurements on {cpus} CPUs")
    if lacks:
        print("\n## Not run\n\n" + "\n".join(f"- {what}" for what in lacks))


def parse_options(description):
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--version", required=True, help="of the kernel source package")
    parser.add_argument("--fusetrace", required=True)
    parser.add_argument("--head", required=True, type=pathlib.Path, help="text to begin with")
    parser.add_argument("--runs", required=True, type=pathlib.Path)
    return parser.parse_args()


def main():
    options = parse_options(__doc__)

    print(options.head.read_text().rstrip()
          .replace("@VERSION@", options.version))
    print("\n## The figures asked for\n\n| CPUs | figure | aim | measured | |\n|---|---|---|---|---|")
    topologies = []
    for folder in sorted(options.runs.glob("measure-*")):
        runs = load(folder)
        if runs:
            topologies.append((int(folder.name.split("-")[1]), folder, runs))
    for cpus, _, runs in sorted(topologies):
        headline(runs, cpus)

    for cpus, folder, runs in sorted(topologies):
        variants = [v for v in VARIANTS if any(r.get(v) for r in runs.values())]
        print(f"\n## {cpus} CPUs{', two nodes of four' if cpus == 8 else ''}\n")
        print(recordings(runs, variants, ", each from a boot of its own;"))
        table(runs, "Same-CPU request hop, %", "same_cpu", 1, variants)
        if cpus == 8:
            table(runs, "Same-LLC request hop, %", "same_llc", 1, variants)
        table(runs, "Same-CPU reply hop, %", "reply_same_cpu", 1, variants)
        table(runs, "Server migrations per request", "server_migrations", 3, variants)
        table(runs, "Client migrations per request, while waiting", "client_migrations", 3, variants)
        ratio_table(runs, "Time from queued to resumed and time in the queue, series against base "
                    "(ratio of the medians, less is better; \"worse\" or \"better\" where the ranges of "
                    "three recordings or more a side do not overlap)",
                    {"total_p50": "total p50", "total_p90": "total p90", "queue_p90": "queue p90"},
                    "series", "base")
        for workload in ("one-sync", "as-many"):
            text = diff_of(options.fusetrace, folder, workload)
            if text:
                print(f"\n`fusetrace diff` of {workload}:\n\n```\n{text}\n```")
    selftest_table(options.runs)
    missing(options.runs, [cpus for cpus, _, _ in topologies], (4, 8), 11)


if __name__ == "__main__":
    main()
