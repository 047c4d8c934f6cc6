#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Turns the runs of validate-patch --part 2 into RESULTS.md, on standard output.

Every figure is the median over the runs of a variant, with the smallest and the
largest beside it. A difference counts when the two ranges do not overlap and there
are three runs or more on each side.
"""
import collections
import gzip
import heapq
import json
import re
import sys

import results
from results import Figure, figure, load, per

VARIANTS = ("base", "one", "llc", "cpu")
MEANING = {
    "base": "the unpatched kernel",
    "one": "the patched kernel, one queue",
    "llc": "a queue for each last-level cache",
    "cpu": "a queue for each CPU",
}
OLDEST = 8  # cpu_queues_oldest, unless the variant says every how many-th
CPUS_OF_A_NODE = 4

results.WORKLOADS.update({
    "all-on-0": "2 servers pinned to CPU 0, 4 clients pinned to each CPU",
    "one-hot": "2 servers on the first half of the CPUs, 4 clients on each of those and 4 on the last CPU",
    "no-server": "2 clients on the last CPU, a server pinned to each of the others",
})


class Order:
    """In which order requests were queued and taken, as the kernel's tracepoints told it
    under the locks of the shards.

    Takes are what is counted in, and not time: they are true in an emulated guest.
    """

    def __init__(self, lines):
        self.complete = False
        self.ages = []  # of each request: how many others were taken while it waited
        self.reigns = []  # takes for which each was the oldest, its own included
        takes = count = 0
        queued = {}  # unique -> (when, takes until then), for those that are pending
        heap = []  # (when, unique), with those that were taken meanwhile
        oldest = None
        for line in lines:
            words = line.split()
            if words[0].startswith("entries-in-buffer"):
                there, written = words[1].split("/")
                self.complete = there == written
            elif words[0] == "enqueue":
                unique, when = int(words[4]), int(words[8])
                queued[unique] = when, takes
                heapq.heappush(heap, (when, unique))
            elif words[0] == "dequeue":
                unique = int(words[4])
                takes += 1
                count += 1
                if unique in queued:  # not from before the trace
                    self.ages.append(takes - 1 - queued.pop(unique)[1])
                if unique == oldest:
                    self.reigns.append(count)
            while heap and heap[0][1] not in queued:
                heapq.heappop(heap)
            now = heap[0][1] if heap else None
            if now != oldest:
                oldest, count = now, 0

    @property
    def age_p99(self):
        return p99(sorted(self.ages))

    @property
    def longest_reign(self):
        return max(self.reigns)


def p99(ascending):
    return ascending[int(0.99 * (len(ascending) - 1))]


def age_against_one(by_variant, variant):
    """The p99 of the age, in takes, as a multiple of that with one queue."""
    return per(figure(by_variant[variant], "age_p99").median,
               figure(by_variant["one"], "age_p99").median)


def readers_of(workload, cpus):
    """How many servers there are, and the CPUs that they may be on."""
    return {"all-on-0": (2, 1), "one-hot": (2, cpus // 2), "no-server": (cpus - 1, cpus - 1)}[workload]


def bounds(workload, variant, cpus):
    """For how many takes a request may be the oldest: with readers that take one after
    the other, and with all of them at once (fuse_iqueue_take() in the series says why).
    None where there is no bound."""
    if variant.endswith("-steal"):
        return None
    if variant == "one":
        return 1, 1
    readers, shards = readers_of(workload, cpus)
    if variant.startswith(("group", "llc")):
        shards = -(-shards // CPUS_OF_A_NODE)
    own = every(variant) - 1  # takes from a reader's own shard, between two of the oldest
    return own * shards + 1, own * (shards + 2 * readers - 1) + readers + 1


def every(variant):
    _, found, number = variant.partition("-every-")
    return int(number) if found else OLDEST


def by_strictness(variant):
    """One queue, then for each granularity from the oldest alone to none of it."""
    kind = ("one", "group", "llc", "cpu").index(variant.split("-")[0])
    return kind, float("inf") if variant.endswith("-steal") else every(variant)


def load_orders(folder):
    runs = collections.defaultdict(lambda: collections.defaultdict(list))
    for path in sorted(folder.glob("*.queued.gz")):
        workload, variant, _ = path.name.split(".", 2)
        with gzip.open(path, "rt") as file:
            order = Order(file)
        if order.complete and order.reigns:
            runs[workload][variant].append(order)
        else:
            print(f"{path}: the trace is not whole, and is left out", file=sys.stderr)
    return runs


def time_table(runs, new, old):
    results.ratio_table(
        runs, f"Time of a request: {MEANING[new]}, against {MEANING[old]} (ratio of the medians, "
        "less is better)", {"total_p50": "total p50", "total_p90": "total p90",
                            "queue_p99": "queue p99"}, new, old)


def headline(cpus, runs, orders):
    one = runs.get("one-sync", {})
    for variant in ("llc", "cpu"):
        if one.get(variant) and one.get("base"):
            hop = figure(one[variant], "same_cpu")
            moves = figure(one[variant], "server_migrations")
            print(f"| {cpus} | {variant} | same-CPU request hop, one sync client | ≥ 90 % | "
                  f"{hop.text(1)} %; base {figure(one['base'], 'same_cpu').text(1)} % | "
                  f"{'reached' if hop.median >= 90 else 'NOT reached'} |")
            print(f"| {cpus} | {variant} | server migrations per request, same case | ≤ 0.05 | "
                  f"{moves.text(3)} | {'reached' if moves.median <= 0.05 else 'NOT reached'} |")
    all_on_0 = orders.get("all-on-0", {})
    for variant in ("llc", "cpu"):
        if not all_on_0.get(variant) or not all_on_0.get("one"):
            continue
        longest = max(run.longest_reign for run in all_on_0[variant])
        limit = bounds("all-on-0", variant, cpus)[1]
        print(f"| {cpus} | {variant} | servers on CPU 0: takes for which one request was the "
              f"oldest | ≤ {limit} | {longest} | {'reached' if longest <= limit else 'NOT reached'} |")
        ratio = age_against_one(all_on_0, variant)
        print(f"| {cpus} | {variant} | servers on CPU 0: age at p99 in takes, against one queue "
              f"| ≤ 2 | {ratio:.2f} | {'reached' if ratio <= 2 else 'NOT reached'} |")
    for variant in ("llc", "cpu"):
        for old in ("base", "one"):
            worse, judged = results.worse_than(runs, variant, old, [("same_cpu", "same CPU")])
            if judged:
                print(f"| {cpus} | {variant} | workloads worse than {MEANING[old]}, beyond the spread "
                      f"| none | {', '.join(worse) or 'none'}, of {judged} | "
                      f"{'NOT reached' if worse else 'reached'} |")


def starvation(topologies):
    print("\n## Starvation\n\nFrom the kernel's own account of what is queued and taken, in the order "
          "in which it happened. The age of a request is the number of others that were taken while it "
          "waited.\n\n"
          "*Longest as the oldest*: the most takes for which one request was the oldest of all. The "
          f"bound is (K−1)·B+1 if readers take one after the other, K being {OLDEST} and B the shards "
          "that may have readers, and in brackets what it is with R readers at once, however long any "
          "of them is held up: (K−1)·(B+2R−1)+R+1. *Beyond*: how many requests were the oldest for "
          "longer than the first. *steal* is the same kernel without the rule: readers look elsewhere "
          "only when there is nothing on their own shard; *every-N* is with another K.\n")
    print("| CPUs | workload | queues | longest as the oldest | bound | beyond | age p50 | p99 | "
          "longest | p99 against one | requests | runs |\n|---|---|---|---|---|---|---|---|---|---|---|---|")
    for cpus, _, _, orders in topologies:
        for workload in ("all-on-0", "one-hot", "no-server"):
            by_variant = orders.get(workload, {})
            for variant in sorted(by_variant, key=by_strictness):
                starvation_row(cpus, workload, variant, by_variant)


def starvation_row(cpus, workload, variant, by_variant):
    runs = by_variant[variant]
    limits = bounds(workload, variant, cpus)
    # What is beyond the bound that the rule would give
    within = (limits or bounds(workload, variant.removesuffix("-steal"), cpus))[0]
    reigns = [reign for run in runs for reign in run.reigns]
    ages = sorted(age for run in runs for age in run.ages)
    beyond = sum(reign > within for reign in reigns)
    ratio = f"{age_against_one(by_variant, variant):.2f}" if by_variant.get("one") else "–"
    print(f"| {cpus} | {results.WORKLOADS[workload]} | {variant} | {max(reigns)} | "
          f"{f'{limits[0]} ({limits[1]})' if limits else 'none'} | {beyond} | "
          f"{ages[len(ages) // 2]} | {p99(ages)} | {ages[-1]} | {ratio} | "
          f"{len(ages)} | {len(runs)} |")


def contended(path):
    """Contended acquisitions of the queue's locks per 1000 requests: lists, and wait queues."""
    text = path.read_text()
    name = path.name[:-len("lock_stat")] + "bench.json"
    requests = json.loads((path.parent / name).read_text())["requests"]

    def count(pattern):
        return 1000 * sum(int(m[1]) for m in re.finditer(
            rf"^ *&(?:{pattern}):\s+\d+\s+(\d+)", text, re.M)) / requests

    return (count(r"fiq->lock|fiq->shards\[i\]\.lock"),
            count(r"fiq->waitq|per_cpu_ptr\(fiq->readers, cpu\)->wait\w*"))


def contention(folder):
    runs = collections.defaultdict(list)
    for path in sorted(folder.glob("contention-*/*.lock_stat")):
        cpus = int(path.parent.name.split("-")[2])
        workload, variant, _ = path.name.split(".", 2)
        try:
            runs[cpus, workload, variant].append(contended(path))
        except (OSError, ValueError, KeyError) as error:
            print(f"{path}: {error}", file=sys.stderr)
    if not runs:
        return
    print("\n## Contention\n\nContended acquisitions per 1000 requests, by /proc/lock_stat of a kernel "
          "built for it, no tracer attached. *Lists*: fiq->lock and the shards' locks. *Sleepers*: "
          "those of the wait queues that readers sleep on. An emulated CPU that is not run while it "
          "holds a lock makes contention that a machine would not see, for all variants alike.\n")
    print("| CPUs | workload | queues | lists | fewer than base by | sleepers |\n|---|---|---|---|---|---|")
    for cpus in sorted({key[0] for key in runs}):
        for workload in ("as-many", "overcommit"):
            base = runs.get((cpus, workload, "base"))
            for variant in VARIANTS:
                found = runs.get((cpus, workload, variant))
                if not found:
                    continue
                lists, sleepers = (Figure([run[i] for run in found]) for i in range(2))
                fewer = (per(Figure([run[0] for run in base]).median, lists.median)
                         if base and variant != "base" else 0)
                print(f"| {cpus} | {results.WORKLOADS[workload]} | {variant} | {lists.text(1)} | "
                      f"{f'{fewer:.1f} ×' if fewer else ''} | {sleepers.text(1)} |")


def torture(folder):
    """How many rounds of the torture test were passed, with each granularity."""
    told = []
    for log in sorted(folder.glob("selftests-*/job.log")):
        rounds = re.findall(r"torture:(\d+) rounds", log.read_text(errors="replace"))
        if rounds:
            _, kernel, cpus = log.parent.name.rsplit("-", 2)
            told.append(f"{kernel}, {cpus} CPUs: {' and '.join(rounds)}")
    if told:
        print("\nRounds of the torture test that were passed, for each granularity that the machine "
              "has: " + "; ".join(told) + ".")


def main():
    options = results.parse_options(__doc__)

    topologies = []
    for folder in options.runs.glob("measure-*"):
        runs = load(folder)
        if runs:
            topologies.append((int(folder.name.split("-")[1]), folder, runs, load_orders(folder)))
    topologies.sort(key=lambda topology: topology[0])

    print(options.head.read_text().rstrip().replace("@VERSION@", options.version))
    print("\n## The figures asked for\n\n| CPUs | queues | figure | aim | measured | |\n"
          "|---|---|---|---|---|---|")
    for cpus, _, runs, orders in topologies:
        headline(cpus, runs, orders)
    starvation(topologies)
    contention(options.runs)
    for cpus, folder, runs, _ in topologies:
        nodes = max(cpus // CPUS_OF_A_NODE, 1)
        print(f"\n## {cpus} CPUs" + (f", {nodes} nodes of {CPUS_OF_A_NODE}" if nodes > 1 else ""))
        print("\n" + results.recordings(runs, VARIANTS, ";"))
        results.table(runs, "Same-CPU request hop, %", "same_cpu", 1, VARIANTS)
        if nodes > 1:
            results.table(runs, "Same-LLC request hop, %", "same_llc", 1, VARIANTS)
        results.table(runs, "Server migrations per request", "server_migrations", 3, VARIANTS)
        results.table(runs, "Requests taken by a reader on the CPU of another shard, %", "stolen", 1,
                      ("llc", "cpu"))
        for variant in ("llc", "cpu"):
            time_table(runs, variant, "base")
            time_table(runs, variant, "one")
    results.selftest_table(options.runs)
    torture(options.runs)
    results.missing(options.runs, [cpus for cpus, _, _, _ in topologies], (2, 8, 16), 17)


if __name__ == "__main__":
    main()
