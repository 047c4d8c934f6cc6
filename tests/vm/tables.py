#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What agreement.py found, as a table for docs/kernels.md.

tests/vm/tables.py FOLDER: the folder that FUSETRACE_TABLES named when agreement.py ran.
Prints Markdown: a row for each kernel and case, a column for each field, in which stands
of how many of the requests that can have it the field is known.
"""

import json
import os
import sys


def cell(value):
    if value is None:
        return ""
    if value == 0:
        return "unknown"
    return "all" if value == 1 else f"{100 * value:.1f} %"


def main():
    rows = []
    for name in sorted(os.listdir(sys.argv[1])):
        with open(os.path.join(sys.argv[1], name), encoding="utf-8") as file:
            rows += json.load(file)
    order = {"6.1": 0, "6.12": 1, "7.3": 2}
    rows.sort(key=lambda row: (order.get(row["kernel"], 9), row["layout"] != "small"))
    fields = list(rows[0]["fields"])
    print("| kernel | load, hooks | counts and hops | " + " | ".join(fields) + " |")
    print("|---" * (len(fields) + 3) + "|")
    reasons = {}
    for row in rows:
        print(f"| {row['kernel']} | {row['name']}, {row['hook']} | "
              f"{'exact' if row['exact'] else 'losses counted'} | "
              + " | ".join(cell(row["fields"][field]) for field in fields) + " |")
        for point, reason in (row["unknown"] or {}).items():
            reasons.setdefault((point, reason), set()).add(row["kernel"])
    print()
    for (point, reason), kernels in sorted(reasons.items()):
        print(f"- {point} unknown on {', '.join(sorted(kernels, key=order.get))}: {reason}")


if __name__ == "__main__":
    main()
