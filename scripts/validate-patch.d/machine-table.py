#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The table of validate-patch --on-this-machine: medians, smallest and largest.

It judges nothing: what is better or worse is said by `fusetrace diff` below it.
"""
import collections
import json
import pathlib
import sys

from results import Figure, Run


def main():
    runs = collections.defaultdict(lambda: collections.defaultdict(list))
    for path in sorted(pathlib.Path(sys.argv[1]).glob("*.report.json")):
        workload, variant, _ = path.name.split(".", 2)
        runs[workload][variant].append(Run(json.loads(path.read_text())))
    if not runs:
        sys.exit("no reports")
    lost = sum(r.lost for by in runs.values() for v in by.values() for r in v)
    print(f"- {lost} requests lost by the tracer")
    print("\n| workload | variant | runs | p50, µs | p90, µs | same-CPU request hop, % "
          "| server migrations a request |\n|---|---|---|---|---|---|---|")
    for workload, by_variant in runs.items():
        for variant, some in by_variant.items():
            cells = [Figure([r.total_p50 / 1e3 for r in some]).text(1),
                     Figure([r.total_p90 / 1e3 for r in some]).text(1),
                     Figure([r.same_cpu for r in some]).text(1),
                     Figure([r.server_migrations for r in some]).text(3)]
            print(f"| {workload} | {variant} | {len(some)} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
