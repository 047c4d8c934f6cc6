#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Whether fusetrace agrees, in a guest, with a load that knows the truth.

tests/vm/agreement.py KERNEL LAYOUT boots one guest, records `fusetrace bench` in
it with the CPUs pinned in several ways and, on the small layout, through each
kind of hook, and compares counts, losses and hops. Prints one line a case.
"""

import collections
import json
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
REQUESTS = 2000
# Share of an emulated guest's requests that may run on another CPU by the time the load
# looks; 16 of 1,500 is the most that was seen.
TORN = 0.02

# A guest that takes longer hangs: twice what the slowest was seen to take.
GUEST_SECONDS = 700

# Marks a case in the middle of which a CPU goes and comes back: no option of bench.
OFFLINE = "#offline"
AWAY = """(sleep 0.3; echo 0 >/sys/devices/system/cpu/cpu1/online
sleep 0.5; echo 1 >/sys/devices/system/cpu/cpu1/online) & """
# What is said where a case cannot be: that is no failure.
IMPOSSIBLE = {"tracepoint": "no tracepoint", "io_uring": "this kernel has no FUSE over io_uring"}

# Layout: options of tests/vm/run, then the cases: name, the kind of hook (or
# stat, for running totals in place of a recording), options of bench, and the one distance that every pinned request must have.
SAME = "--client-cpus 0 --server-cpus 0"
ACROSS = "--client-cpus 0 --server-cpus 1"
LAYOUTS = {
    "small": (
        ["--cpus", "2"],
        [
            (f"{placement} {hook}", hook, options, distance)
            for hook in ("best", "tracepoint", "fentry", "kprobe")
            for placement, options, distance in (
                ("free", "", None),
                ("one CPU", SAME, "same_cpu"),
                ("two CPUs", ACROSS, "same_llc"),
            )
        ]
        + [
            ("cloned devices", "best", "--clone-fd", None),
            ("readv", "best", "--reader readv", None),
            ("splice", "best", "--reader splice", None),
            ("epoll", "best", "--nonblock", None),
            ("mixed", "best", "--op mixed", None),
            ("mixed, one CPU", "best", f"--op mixed {SAME}", "same_cpu"),
            # More than a kretprobe sees to return (its maxactive).
            ("40 servers", "best", "--servers 40 --clients 2", None),
            ("totals", "stat", "--op mixed", None),
            ("totals, one CPU", "stat", SAME, "same_cpu"),
            ("CPU 1 taken away", "best", "--op mixed " + OFFLINE, None),
        ]
        + [
            (f"io_uring {placement} {hook}", hook, f"--transport io_uring {options}", distance)
            for hook, placement, options, distance in (
                ("best", "mixed", "--op mixed", None),
                ("best", "one CPU", SAME, "same_cpu"),
                ("best", "two CPUs", ACROSS, "same_llc"),
                ("tracepoint", "one CPU", SAME, "same_cpu"),
                ("fentry", "one CPU", SAME, "same_cpu"),
                ("kprobe", "one CPU", SAME, "same_cpu"),
                ("stat", "one CPU", SAME, "same_cpu"),
            )
        ],
    ),
    "smt": (
        ["--cpus", "8", "--nodes", "2", "--threads", "2"],
        [
            ("same CPU", "best", SAME, "same_cpu"),
            ("sibling", "best", "--client-cpus 0 --server-cpus 1", "same_core"),
            ("same cache", "best", "--client-cpus 0 --server-cpus 2", "same_llc"),
            ("other node", "best", "--client-cpus 0 --server-cpus 5", "cross_node"),
        ],
    ),
    "caches": (
        ["--cpus", "8", "--nodes", "2", "--caches", "2"],
        [
            ("same CPU", "best", "--client-cpus 5 --server-cpus 5", "same_cpu"),
            ("same cache", "best", "--client-cpus 5 --server-cpus 4", "same_llc"),
            ("same node", "best", "--client-cpus 5 --server-cpus 6", "same_node"),
            ("other node", "best", "--client-cpus 5 --server-cpus 3", "cross_node"),
        ],
    ),
}


def script(cases):
    """What the guest runs: after a line with the case's number its two documents."""
    lines = ["fusetrace doctor >&2"]
    for number, (_, hook, options, _) in enumerate(cases):
        before, how_long = "", f"--requests {REQUESTS}"
        if OFFLINE in options:
            options, before, how_long = options.replace(OFFLINE, ""), AWAY, "--duration 1500ms"
        if "--servers" not in options:
            options += " --servers 4 --clients 4"
        bench = f"fusetrace bench {how_long} {options} --json"
        if hook == "stat":
            capture = f"fusetrace stat --json -- sh -c '{bench} >b.json' >r.json 2>err"
            report = "cat r.json"
        else:
            capture = f"fusetrace record --probes {hook} -o r.rec -- {bench} >b.json 2>err"
            report = "fusetrace report --json r.rec"
        lines.append(
            f"echo '=case {number}'; {before}{capture} && cat b.json && echo '=report' && {report} || "
            "head -n 1 err"
        )
    return "\n".join(lines)


def check(truth, seen, hook, distance):
    """What is wrong, as a list of sentences; empty when all is well."""
    wrong = []
    # Through tracepoints alone a program at the exit of system calls may be skipped, for
    # which none stands in; most exits are of no interest.
    lost = {name: n for name, n in seen["lost"].items() if n}
    if lost and (hook != "tracepoint" or set(lost) != {"recursion"}):
        wrong.append(f"lost {lost}")
    counts = {name: cell["requests"] for name, cell in seen["opcodes"].items()}
    wanted = {name: n for name, n in truth["opcodes"].items() if n}
    if any(counts.get(name) != n for name, n in wanted.items()):
        wrong.append(f"counts {counts}, truth {wanted}, incomplete {seen['incomplete_by']}")
    extra = {name: n for name, n in counts.items() if name not in wanted}
    if extra:
        wrong.append(f"requests that the server did not get: {extra}")

    # INIT comes from whoever mounts, who is pinned to nothing.
    operations = [name for name in seen["opcodes"] if name in ("GETATTR", "READ", "WRITE")]
    request, reply = collections.Counter(), collections.Counter()
    for name in operations:
        request.update(seen["opcodes"][name]["hops"]["request"])
        reply.update(seen["opcodes"][name]["hops"]["reply"])
    known = request.total() - request["unknown"]
    if request["unknown"]:
        wrong.append(f"{request['unknown']} requests without a hop")
    if distance:
        for way, hops in (("request", request), ("reply", reply)):
            if not hops[distance] or hops[distance] != hops.total():
                wrong.append(f"pinned to {distance}, {way} seen {dict(+hops)}")
    elif known:
        told = truth["same_cpu"] / (truth["same_cpu"] + truth["other_cpu"])
        saw = request["same_cpu"] / known
        # A thread can be moved between the kernel's reading of its CPU and its own; the
        # slower the machine, the likelier. What is pinned is exact.
        if abs(told - saw) > 0.01 + TORN:
            wrong.append(f"same CPU {saw:.1%}, truth {told:.1%}")
    return wrong, request, lost


def known_fields(seen):
    """For each thing that is measured, of how many requests it is known, as a share."""
    requests = seen["requests"]
    waited = seen["kinds"]["sync"]  # whose client waits for the answer
    hops = seen["hops"]
    wakeups = [side for side in seen["wakeups"].values()]
    woken = sum(sum(side[key] for key in ("kept", "pulled", "moved", "unknown")) for side in wakeups)
    hints = sum(counts["unknown"] for side in wakeups for counts in side["by_hint"].values())
    woken_for = seen["pickup"]["woken"]

    def share(part, whole):
        return part / whole if whole else None

    return {
        "request hop": share(requests - hops["request"]["unknown"], requests),
        "reply hop": share(sum(hops["reply"].values()) - hops["reply"]["unknown"], waited),
        "queue": share(seen["stages"]["queue"]["count"], requests),
        "wakeup": share(seen["stages"]["wakeup"]["count"], woken_for),
        "service": share(seen["stages"]["service"]["count"], requests),
        "return": share(seen["stages"]["return"]["count"], waited),
        "placement": share(woken - sum(side["unknown"] for side in wakeups), woken),
        "wake flags": share(woken - hints, woken),
    }


def boot(kernel, options, command):
    """Runs a command in a guest.

    An emulated guest now and then dies in its own kernel or hangs, most often at
    instructions that the kernel patches. It is booted again, twice at most; its last
    words are on standard error.
    """
    for _ in range(3):
        guest = subprocess.run(
            [f"{HERE}/run", "--kernel", kernel, "--timeout", str(GUEST_SECONDS), *options, "--",
             "sh", "-c", command],
            stdout=subprocess.PIPE,
            text=True,
            check=False,
        )
        if guest.returncode != 125:
            break
        print(f"{kernel}: the guest died", flush=True)
    return guest


def main():
    if len(sys.argv) != 3 or sys.argv[2] not in LAYOUTS:
        sys.exit(f"usage: {sys.argv[0]} 6.1|6.12|7.3 {'|'.join(LAYOUTS)}")
    kernel, layout = sys.argv[1:]
    options, cases = LAYOUTS[layout]
    guest = boot(kernel, options, script(cases))
    if guest.returncode == 77:
        sys.exit(77)

    failed = False
    rows = []
    results = guest.stdout.split("=case ")[1:]
    if len(results) != len(cases):
        print(f"{kernel}: {len(results)} of {len(cases)} cases ran (status {guest.returncode})")
        failed = True
    for result in results:
        number, _, output = result.partition("\n")
        name, hook, options, distance = cases[int(number)]
        try:
            truth, seen = (json.loads(part) for part in output.split("=report\n"))
        except ValueError:
            reason = output.strip().splitlines()[-1] if output.strip() else "no output"
            expected = any(
                cause in (hook, *options.split()) and said in reason
                for cause, said in IMPOSSIBLE.items()
            )
            print(f"{kernel:5} {layout:7} {name:20} {'n/a   ' if expected else 'FAILED'} {reason}")
            failed |= not expected
            continue
        wrong, hops, lost = check(truth, seen, hook, distance)
        failed |= bool(wrong)
        rows.append({"kernel": kernel, "layout": layout, "name": name, "hook": hook,
                     "wrong": wrong, "lost": lost, "fields": known_fields(seen),
                     "unknown": seen["unknown"]})
        shown = ", ".join(f"{key} {n}" for key, n in hops.items() if n)
        notes = "; ".join(wrong) or (f"(lost {lost})" if lost else "")
        print(
            f"{kernel:5} {layout:7} {name:20} {'FAILED' if wrong else 'ok    '} "
            f"{seen['requests']} requests, {shown} {notes}"
        )
    # For tables.py.
    folder = os.environ.get("FUSETRACE_TABLES")
    if folder:
        os.makedirs(folder, exist_ok=True)
        with open(os.path.join(folder, f"{kernel}-{layout}.json"), "w", encoding="utf-8") as file:
            json.dump(rows, file, indent=1)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
