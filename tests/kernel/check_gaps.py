#!/usr/bin/env python3
"""Records a running load many times for a moment, and asks that every request be accounted for.

usage: check_gaps.py FUSETRACE [ROUNDS]

The kernel numbers the requests of a connection one after the other. So a number that is missing
in a recording, between the first and the last that it holds, is a request that was not recorded:
each must show in one of the counters of losses and of incomplete requests. The start and the end
of a capture, where requests are half seen, are in every round.
"""
import collections
import csv
import io
import json
import os
import signal
import subprocess
import sys
import tempfile

# The other losses cost a part of what is known of a request.
LOSE_A_REQUEST = ("ring_full", "table_full", "recursion", "unmatched_pickup", "unreadable_header",
                  "unknown_record")
STEP = 2  # FUSE_REQ_ID_STEP: the lowest bit marks an interrupt


def run(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def numbers_of(program, recording):
    """The numbers that a recording holds, by connection."""
    rows = csv.DictReader(io.StringIO(run(program, "export", recording, "--format", "csv")))
    found = collections.defaultdict(set)
    for row in rows:
        unique = int(row["unique"]) & ~1
        if unique:
            found[row["connection"]].add(unique)
    return found


def main():
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    program, rounds = sys.argv[1], int(sys.argv[2]) if len(sys.argv) == 3 else 5
    load = subprocess.Popen([program, "bench", "--duration", f"{rounds * 20 + 30}s", "--servers", "4",
                             "--clients", "4", "--op", "mixed"], stdout=subprocess.DEVNULL)
    gaps = counted = requests = faults = with_requests = 0
    try:
        for number in range(rounds):
            with tempfile.TemporaryDirectory() as folder:
                recording = os.path.join(folder, "r.rec")
                subprocess.run([program, "record", "-d", "0.3s", "-o", recording],
                               check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                report = json.loads(run(program, "report", "--json", recording))
                missing = 0
                for unique in numbers_of(program, recording).values():
                    missing += (max(unique) - min(unique)) // STEP + 1 - len(unique)
            explained = report["incomplete"] + sum(
                count for cause, count in report["lost"].items() if cause in LOSE_A_REQUEST)
            requests += report["requests"]
            with_requests += report["requests"] > 0
            gaps += missing
            counted += explained
            if missing > explained:
                faults += 1
                print(f"round {number}: {missing} numbers missing, {explained} counted: "
                      f"{report['incomplete_by']} {report['lost']}")
            if load.poll() is not None:
                sys.exit("the load ended early")
    finally:
        load.send_signal(signal.SIGINT)
        load.wait()
    print(f"{rounds} recordings, {with_requests} of them with requests, {requests} requests: {gaps} "
          f"numbers missing, {counted} counted, {faults} recordings with a gap that nothing explains")
    sys.exit(1 if faults or not with_requests else 0)


if __name__ == "__main__":
    main()
