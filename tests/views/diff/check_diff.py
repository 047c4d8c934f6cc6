#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Holds `fusetrace diff` to its promise: that it calls a change a change, and
noise no change.

usage: check_diff.py same FUSETRACE RECORDINGS       pairs of recordings of the same load
       check_diff.py changed FUSETRACE GENERATE_RECORDING   exit statuses, made-up load
       check_diff.py pinned FUSETRACE                real loads, pinned and not (needs root)
"""

import glob
import json
import os
import random
import subprocess
import sys
import tempfile

# How often it may be wrong.
PAIRS = 100
MOST_WRONG = 5
SIDES = {1: PAIRS, 2: 20, 3: PAIRS}  # recordings a side: pairs of sides


def diff(fusetrace, base, new, *options, status=0):
    done = subprocess.run(
        [fusetrace, "diff", "--json", "--base", *base, "--new", *new, *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    if done.returncode != status:
        sys.exit(f"diff {options} ended with {done.returncode}, not {status}: {done.stderr}")
    return json.loads(done.stdout)


def row(result, metric, group="all"):
    return next(r for r in result["rows"] if r["metric"] == metric and r["group"] == group)


def changed(result):
    return [f"{r['group']} {r['metric']}" for r in result["rows"] if r["verdict"] == "changed"]


def check_same(fusetrace, folder):
    """Of PAIRS pairs of the same load, at most MOST_WRONG have a row that changed."""
    recordings = sorted(glob.glob(os.path.join(folder, "*.rec")))
    if len(recordings) < 20:
        sys.exit(f"{len(recordings)} recordings in {folder}")
    # The pairs are always the same ones.
    chance = random.Random(1)
    for side, pairs in SIDES.items():
        wrong = {}
        for _ in range(pairs):
            drawn = chance.sample(recordings, 2 * side)
            rows = changed(diff(fusetrace, drawn[:side], drawn[side:]))
            if rows:
                wrong[" ".join(map(os.path.basename, drawn))] = rows
        print(f"{side} against {side}: {len(wrong)} of {pairs} pairs have a row called changed")
        if len(wrong) > MOST_WRONG * pairs // PAIRS:
            sys.exit(f"{side} against {side}: {json.dumps(wrong, indent=1)}")


def generate(program, path, seed, *options):
    subprocess.run([program, path, "--seed", str(seed), "--requests", "20000", *options],
                   check=True, stderr=subprocess.DEVNULL)
    return path


def check_changed(fusetrace, program):
    """A load of eight times as many clients, and the exit statuses that CI relies on."""
    with tempfile.TemporaryDirectory() as directory:
        def make(name, *options):
            return [generate(program, os.path.join(directory, f"{name}{i}"), i, *options)
                    for i in range(1, 4)]

        few, many = make("few", "--clients", "3"), make("many", "--clients", "24")
        result = diff(fusetrace, few, many)
        rate = row(result, "requests_per_second")
        reports = [
            json.loads(subprocess.run([fusetrace, "report", "--json", f], check=True,
                                      stdout=subprocess.PIPE).stdout)
            for f in (few[0], many[0])
        ]
        expected = (reports[1]["requests"] / reports[1]["seconds"]) / (
            reports[0]["requests"] / reports[0]["seconds"])
        if rate["verdict"] != "changed" or rate["direction"] != "better":
            sys.exit(f"eight times the clients: {rate}")
        if not 0.9 * expected < rate["effect"]["value"] < 1.1 * expected:
            sys.exit(f"the rate is {expected} times as high, but diff says {rate}")
        # Better is no regression; worse is, unless that much is allowed.
        diff(fusetrace, few, many, "--fail-on-regression", "5")
        back = diff(fusetrace, many, few, "--fail-on-regression", "5", status=3)
        if back["regression_percent"] < 50:
            sys.exit(f"a regression of {back['regression_percent']} %")
        diff(fusetrace, many, few, "--fail-on-regression", "100")
        diff(fusetrace, few, few, "--fail-on-regression", "0")
    print(f"rate ×{rate['effect']['value']:.2f}, expected ×{expected:.2f}; exit statuses 0 and 3")


def record(fusetrace, path, mount, *options):
    """Records a bench and returns the file and the same-CPU ratio that the bench
    itself saw."""
    done = subprocess.run(
        [fusetrace, "record", "-o", path, "--", fusetrace, "bench", "--json", "--requests", "20000",
         *options, mount],
        check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    )
    bench = json.loads(done.stdout)
    return path, bench["same_cpu"] / (bench["same_cpu"] + bench["other_cpu"])


def check_pair(fusetrace, directory, base, new, count):
    """Records both loads and holds the difference against what the bench saw
    itself; returns the verdict."""
    mount = os.path.join(directory, "mount")
    os.makedirs(mount, exist_ok=True)
    sides = [
        [record(fusetrace, os.path.join(directory, f"{side}{i}.rec"), mount, *options)
         for i in range(count)]
        for side, options in (("base", base), ("new", new))
    ]
    # Other file systems on the machine are none of this test's.
    result = diff(fusetrace, *[[path for path, _ in side] for side in sides], "--mount", mount)
    hop = row(result, "hops.request.same_cpu")
    truth = [sum(ratio for _, ratio in side) / count for side in sides]
    for got, expected in ((hop["base"], truth[0]), (hop["new"], truth[1]),
                          (hop["effect"]["value"], truth[1] - truth[0])):
        if abs(got - expected) > 0.01:
            sys.exit(f"{new}: diff says {hop}, but the bench saw {truth}")
    print(f"{' '.join(new)}, {count} a side: same CPU {100 * hop['base']:.1f} % -> "
          f"{100 * hop['new']:.1f} %, {hop['verdict']} "
          f"(bench {100 * truth[0]:.1f} % -> {100 * truth[1]:.1f} %)")
    return hop["verdict"]


def check_pinned(fusetrace):
    """Client and server on one CPU against two CPUs, and against the same load left
    to the scheduler: the difference is the one that the bench saw."""
    if os.geteuid() != 0 or not os.path.exists("/dev/fuse") or len(os.sched_getaffinity(0)) < 2:
        sys.exit(77)  # skipped
    one = ["--servers", "1", "--clients", "1", "--client-cpus", "0", "--server-cpus"]
    four = ["--servers", "4", "--clients", "4"]
    with tempfile.TemporaryDirectory() as directory:
        for count in (1, 3):
            if check_pair(fusetrace, directory, one + ["0"], one + ["1"], count) != "changed":
                sys.exit("one CPU against two is no change")
        # Left alone, the scheduler may keep some of the runs on one CPU by itself:
        # then there is no change to call one, but not three times in a row.
        pinned = four + ["--client-cpus", "0", "--server-cpus", "0"]
        if all(check_pair(fusetrace, directory, pinned, four, 5) != "changed" for _ in range(3)):
            sys.exit("pinned against not pinned is no change")


def main():
    mode, *arguments = sys.argv[1:]
    {"same": check_same, "changed": check_changed, "pinned": check_pinned}[mode](*arguments)


main()
