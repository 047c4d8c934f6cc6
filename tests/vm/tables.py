#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What agreement.py found, as a table for docs/kernels.md.

tests/vm/tables.py FOLDER: the folder that FUSETRACE_TABLES named when agreement.py ran.
Prints Markdown: a row for each case, a column for each kernel, in which stands whether
counts and hops were the load's own, and which fields are not known of all requests that
can have them.
"""

import json
import math
import os
import sys


def cell(row):
    """Exact or not, and the fields that are not known of all requests."""
    parts = ["not exact" if row["wrong"] else "skipped runs" if row["lost"] else "exact"]
    for field, value in row["fields"].items():
        if value == 0:
            parts.append(f"{field} unknown")
        elif value is not None and value < 1:
            # Rounded down: 100 % is all of them.
            parts.append(f"{field} {math.floor(1000 * value) / 10:.1f} %")
    return ", ".join(parts)


def main():
    rows = []
    for name in sorted(os.listdir(sys.argv[1])):
        with open(os.path.join(sys.argv[1], name), encoding="utf-8") as file:
            rows += json.load(file)
    for layout in sorted({row["layout"] for row in rows}, key=lambda name: name != "small"):
        here = [row for row in rows if row["layout"] == layout]
        kernels = [k for k in ("6.1", "6.12", "7.3") if any(row["kernel"] == k for row in here)]
        cases = dict.fromkeys((row["name"], row["hook"]) for row in here)
        print(f"| {layout}: load | hooks | " + " | ".join(kernels) + " |")
        print("|---" * (len(kernels) + 2) + "|")
        for name, hook in cases:
            cells = {row["kernel"]: cell(row) for row in here
                     if (row["name"], row["hook"]) == (name, hook)}
            print(f"| {name.removesuffix(' ' + hook)} | {hook} | " +
                  " | ".join(cells.get(k, "–") for k in kernels) + " |")
        print()
    reasons = {}
    for row in rows:
        for point, reason in (row["unknown"] or {}).items():
            reasons.setdefault((point, reason), set()).add(row["kernel"])
    for (point, reason), kernels in sorted(reasons.items()):
        print(f"- {point} unknown on {', '.join(sorted(kernels))}: {reason}")


if __name__ == "__main__":
    main()
