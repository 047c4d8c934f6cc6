#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Exports a generated recording in every format, reads the results back with
independent readers (csv, json, sqlite3, protoc) and holds them against
`fusetrace report --json` of the same recording.

usage: check_export.py GENERATE_RECORDING FUSETRACE [RECORDING]
With RECORDING, that one is checked and nothing is generated.
"""

import collections
import csv
import json
import math
import os
import re
import sqlite3
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
STAGES = ["queue", "wakeup", "service", "return", "total"]


def run(*command):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout


def check_equal(what, got, expected):
    if got != expected:
        sys.exit(f"{what}: {got!r}, but the report has {expected!r}")


# --- csv and jsonl -----------------------------------------------------------


def load_sqlite(rows, columns):
    database = sqlite3.connect(":memory:")
    database.execute("create table requests (%s)" % ", ".join(f'"{c}"' for c in columns))
    database.executemany(
        "insert into requests values (%s)" % ", ".join("?" * len(columns)), rows
    )
    return database


def number_or_text(text):
    if text == "":
        return None
    return int(text) if re.fullmatch(r"-?[0-9]+", text) else text


def nonzero(counts):
    return {key: count for key, count in counts.items() if count}


def check_stage(name, stage, durations, quantile_error):
    check_equal(f"{name} count", len(durations), stage["count"])
    if not durations:
        return
    durations.sort()
    check_equal(f"{name} max", durations[-1], stage["max_ns"])
    if abs(sum(durations) / len(durations) - stage["mean_ns"]) > 1:
        sys.exit(f"{name} mean: {sum(durations) / len(durations)}, not {stage['mean_ns']}")
    for key, share in (("p50_ns", 0.5), ("p90_ns", 0.9), ("p99_ns", 0.99)):
        exact = durations[max(0, math.ceil(share * len(durations)) - 1)]
        if abs(stage[key] - exact) > quantile_error * exact + 1:
            sys.exit(f"{name} {key}: {exact}, but the report has {stage[key]}")


def check_rows(format_name, database, report):
    def count_by(column, where="1"):
        query = f"select {column}, count(*) from requests where {where} group by {column}"
        return dict(database.execute(query).fetchall())

    (total,) = database.execute("select count(*) from requests").fetchone()
    check_equal(f"{format_name} requests", total, report["requests"])
    check_equal(
        f"{format_name} opcodes",
        count_by("opcode"),
        nonzero({name: value["requests"] for name, value in report["opcodes"].items()}),
    )
    check_equal(
        f"{format_name} connections",
        {str(key): value for key, value in count_by("connection").items()},
        nonzero({key: value["requests"] for key, value in report["connections"].items()}),
    )
    check_equal(f"{format_name} pickup", count_by("pickup"), nonzero(report["pickup"]))
    for side in ("request", "reply"):
        check_equal(
            f"{format_name} {side} hops",
            count_by(f"{side}_hop", f"{side}_hop is not null"),
            nonzero(report["hops"][side]),
        )
    for side in ("server", "client"):
        placements = {
            key: report["wakeups"][side][key] for key in ("kept", "pulled", "moved", "unknown")
        }
        check_equal(
            f"{format_name} {side} placements",
            count_by(f"{side}_placement", f"{side}_placement is not null"),
            nonzero(placements),
        )
    for name, count in report["migrations"].items():
        (found,) = database.execute(
            f"select coalesce(sum(migrations_{name}), 0) from requests"
        ).fetchone()
        check_equal(f"{format_name} migrations {name}", found, count)
    for stage in STAGES:
        rows = database.execute(f"select {stage}_ns from requests where {stage}_ns is not null")
        durations = [row[0] for row in rows]
        check_stage(
            f"{format_name} {stage}", report["stages"][stage], durations, report["quantile_error"]
        )
    # Where all stages are known they add up to the nanosecond.
    (wrong,) = database.execute(
        "select count(*) from requests where kind = 'sync' and queue_ns + service_ns + return_ns"
        " <> total_ns"
    ).fetchone()
    check_equal(f"{format_name} requests whose stages do not add up", wrong, 0)
    cpus = report["cpu_matrix"]["cpus"]
    pairs = dict(
        ((client, server), count)
        for client, server, count in database.execute(
            "select client_cpu, server_cpu, count(*) from requests where client_cpu is not null"
            " and server_cpu is not null group by client_cpu, server_cpu"
        )
    )
    matrix = {
        (client, server): count
        for client, row in zip(cpus, report["cpu_matrix"]["requests"])
        for server, count in zip(cpus, row)
        if count
    }
    check_equal(f"{format_name} CPU matrix", pairs, matrix)


def check_lines(fusetrace, recording, directory, report):
    csv_path = os.path.join(directory, "r.csv")
    run(fusetrace, "export", recording, "--format", "csv", "-o", csv_path)
    with open(csv_path, newline="") as file:
        lines = list(csv.reader(file))
    columns, rows = lines[0], [[number_or_text(v) for v in line] for line in lines[1:]]
    check_rows("csv", load_sqlite(rows, columns), report)

    objects = [
        json.loads(line)
        for line in run(fusetrace, "export", recording, "--format", "jsonl").splitlines()
    ]
    for entry in objects:
        if list(entry) != columns:
            sys.exit("jsonl has other keys than csv has columns")
    check_rows("jsonl", load_sqlite([list(o.values()) for o in objects], columns), report)
    # sqlite has no booleans, csv writes them as numbers: the rows must be equal now.
    for row, entry in zip(rows, objects):
        if row != [int(v) if isinstance(v, bool) else v for v in entry.values()]:
            sys.exit(f"csv and jsonl differ: {row} {entry}")


# --- perfetto ----------------------------------------------------------------


def parse_text(lines):
    """protoc's text form as nested dictionaries of lists."""
    root = collections.defaultdict(list)
    stack = [root]
    for raw in lines:
        line = raw.strip()
        if line.endswith("{"):
            child = collections.defaultdict(list)
            stack[-1][line[:-2]].append(child)
            stack.append(child)
        elif line == "}":
            stack.pop()
        else:
            key, _, value = line.partition(": ")
            if key.isdigit():
                sys.exit(f"the trace has a field that the schema does not: {line}")
            stack[-1][key].append(value)
    return root


def decode(path):
    schema = os.environ.get("FUSETRACE_PERFETTO_SCHEMA", os.path.join(HERE, "trace_subset.proto"))
    folder, name = os.path.split(schema)
    with open(path, "rb") as file:
        text = subprocess.run(
            ["protoc", "-I", folder, "--decode", "perfetto.protos.Trace", name],
            check=True,
            stdin=file,
            stdout=subprocess.PIPE,
            text=True,
        ).stdout
    return parse_text(text.splitlines())["packet"]


def one(message, key, default=None):
    values = message.get(key, [])
    if len(values) > 1:
        sys.exit(f"{key} is there {len(values)} times")
    return values[0] if values else default


class Trace:
    """The packets, sorted as a trace processor would sort them."""

    def __init__(self, packets):
        self.names = {}
        self.annotation_names = {}
        self.annotation_values = {}
        self.tracks = {}
        self.events = collections.defaultdict(list)  # by track
        self.bundles = []
        clocks = {
            int(one(clock, "clock_id")): int(one(clock, "timestamp"))
            for packet in packets
            for snapshot in packet.get("clock_snapshot", [])
            for clock in snapshot["clocks"]
        }
        self.boot_offset = clocks[6] - clocks[3]  # CLOCK_BOOTTIME - CLOCK_MONOTONIC
        first = True
        for packet in packets:
            for data in packet.get("interned_data", []):
                self.intern(data)
            if "trusted_packet_sequence_id" in packet:
                check_equal("sequence flags", int(one(packet, "sequence_flags")), 1 if first else 2)
                first = False
            for track in packet.get("track_descriptor", []):
                uuid = int(one(track, "uuid"))
                if uuid in self.tracks:
                    sys.exit(f"track {uuid} is described twice")
                self.tracks[uuid] = track
            for event in packet.get("track_event", []):
                uuid = int(one(event, "track_uuid"))
                if uuid not in self.tracks:
                    sys.exit(f"an event is on track {uuid}, which is not described before it")
                self.events[uuid].append((int(one(packet, "timestamp")), event))
            self.bundles += packet.get("ftrace_events", [])
        for events in self.events.values():
            events.sort(key=lambda pair: pair[0])  # stable

    def intern(self, data):
        def take(key, field, table):
            for entry in data.get(key, []):
                table[int(one(entry, "iid"))] = one(entry, field).strip('"')

        take("event_names", "name", self.names)
        take("debug_annotation_names", "name", self.annotation_names)
        take("debug_annotation_string_values", "str", self.annotation_values)

    def name(self, event):
        return self.names[int(one(event, "name_iid"))]

    def annotations(self, event):
        result = {}
        for annotation in event.get("debug_annotations", []):
            name = self.annotation_names[int(one(annotation, "name_iid"))]
            if "string_value_iid" in annotation:
                result[name] = self.annotation_values[int(one(annotation, "string_value_iid"))]
            else:
                result[name] = int(one(annotation, "uint_value") or one(annotation, "int_value"))
        return result


def check_slices(trace):
    """Slices nest on every track; the parts of a request lie inside it, in order."""
    slices = []
    for uuid, events in trace.events.items():
        stack = []
        for ns, event in events:
            kind = one(event, "type")
            if kind == "TYPE_SLICE_BEGIN":
                stack.append((ns, event, []))
            elif kind == "TYPE_SLICE_END":
                if not stack:
                    sys.exit(f"a slice ends on track {uuid} that did not begin")
                begin, begun, children = stack.pop()
                entry = {
                    "track": uuid,
                    "name": trace.name(begun),
                    "begin": begin,
                    "end": ns,
                    "event": begun,
                    "children": children,
                }
                if stack:
                    stack[-1][2].append(entry)
                else:
                    slices.append(entry)
        if stack:
            sys.exit(f"a slice on track {uuid} does not end")
    for entry in slices:
        previous = entry["begin"]
        for child in entry["children"]:
            if child["name"] not in ("queue", "service", "return") or child["children"]:
                sys.exit(f"{child['name']} lies inside {entry['name']}")
            if child["begin"] < previous or child["end"] > entry["end"]:
                sys.exit(f"{child['name']} does not fit into {entry['name']}")
            previous = child["end"]
    return slices


def check_flows(trace, requests_with_pickup):
    """A flow goes from queueing to service to return and ends once, at its end."""
    steps = collections.defaultdict(list)
    for uuid, events in trace.events.items():
        for ns, event in events:
            for flow in event.get("flow_ids", []):
                steps[flow].append((ns, uuid, False))
            for flow in event.get("terminating_flow_ids", []):
                steps[flow].append((ns, uuid, True))
    for flow, points in steps.items():
        points.sort()
        ends = [point[2] for point in points]
        if ends != [False] * (len(points) - 1) + [True]:
            sys.exit(f"flow {flow} ends {ends.count(True)} times, or not at its end: {points}")
        if len(points) not in (2, 3):
            sys.exit(f"flow {flow} has {len(points)} steps")
        if len(points) == 3 and not points[0][1] & 0xFFFFFFFF == points[2][1] & 0xFFFFFFFF:
            sys.exit(f"flow {flow} does not return to its client")
    check_equal("flows", len(steps), requests_with_pickup)


def check_counters(trace, report):
    same = collections.Counter()
    for uuid, events in trace.events.items():
        track = trace.tracks[uuid]
        if "counter" not in track:
            continue
        name = one(track, "name").strip('"')
        if name == "pending requests":
            values = [int(one(event, "counter_value")) for _, event in events]
            if min(values) < 0 or values[-1] != 0:
                sys.exit(f"pending requests go from {min(values)} to {values[-1]}")
        else:
            values = [float(one(event, "double_counter_value")) for _, event in events]
            if not all(0 <= value <= 100 for value in values):
                sys.exit(f"{name} is not a percentage: {values}")
        same[name] += 1
    connections = sum(1 for c in report["connections"].values() if c["requests"])
    check_equal("counter tracks", dict(same), {n: connections for n in
                                               ("pending requests", "served on the same CPU")})


def check_scheduling(trace, database):
    """Wakings and switch-ins are those of the requests; no thread is switched in
    or woken while it runs, and none runs on two CPUs."""
    switches = []
    wakings = collections.Counter()
    for bundle in trace.bundles:
        cpu = int(one(bundle, "cpu", 0))
        for event in bundle.get("event", []):
            waking = one(event, "sched_waking")
            wakings[(int(one(event, "timestamp")), int(one(waking, "pid")), cpu)] += 1
        for compact in bundle.get("compact_sched", []):
            ns = 0
            for delta, pid, index in zip(
                compact["switch_timestamp"],
                compact["switch_next_pid"],
                compact["switch_next_comm_index"],
            ):
                ns += int(delta)
                switches.append((ns, cpu, int(pid)))
                if int(index) >= len(compact["intern_table"]):
                    sys.exit("a switch names no thread")
    expected = collections.Counter()
    for row in database.execute(
        "select server_waking_ns, woken_tid, server_waker_cpu from requests where"
        " server_waking_ns is not null and woken_tid is not null and server_waker_cpu is not null"
        " union all select client_waking_ns, client_tid, client_waker_cpu from requests where"
        " client_waking_ns is not null and client_waker_cpu is not null and kind = 'sync'"
        " and not client_never_slept"
    ):
        expected[(row[0] + trace.boot_offset, row[1], row[2])] += 1
    check_equal("wakings", wakings, expected)
    (running,) = database.execute(
        "select count(*) from requests where client_waking_ns is not null and resumed_ns is not"
        " null and kind = 'sync' and not client_never_slept"
    ).fetchone()
    threads = {pid for _, _, pid in switches}
    clients = {row[0] for row in database.execute("select distinct client_tid from requests")}
    into_clients = sum(1 for _, _, pid in switches if pid in clients)
    check_equal("switches to clients", into_clients, running)
    return len(threads)


def check_perfetto(fusetrace, recording, directory, report):
    path = os.path.join(directory, "r.pftrace")
    run(fusetrace, "export", recording, "--format", "perfetto", "-o", path)
    trace = Trace(decode(path))

    # Each request is one slice or instant with its numbers on it.
    opcodes = collections.Counter()
    hops = collections.Counter()
    uniques = collections.Counter()
    for events in trace.events.values():
        for _, event in events:
            annotations = trace.annotations(event)
            if "unique" in annotations:
                opcodes[trace.name(event)] += 1
                hops[annotations["request_hop"]] += 1
                uniques[(annotations["connection"], annotations["unique"])] += 1
    check_equal("perfetto requests", sum(opcodes.values()), report["requests"])
    check_equal(
        "perfetto opcodes",
        dict(opcodes),
        nonzero({name: value["requests"] for name, value in report["opcodes"].items()}),
    )
    check_equal("perfetto hops", dict(hops), nonzero(report["hops"]["request"]))

    slices = check_slices(trace)
    for stage in ("queue", "service", "return"):
        durations = [
            child["end"] - child["begin"]
            for entry in slices
            for child in entry["children"]
            if child["name"] == stage
        ]
        if stage == "return":
            check_stage("perfetto return", report["stages"]["return"], durations,
                        report["quantile_error"])
        elif not durations:
            sys.exit(f"no slice shows {stage}")
    served = [
        entry["end"] - entry["begin"] for entry in slices if "debug_annotations" not in entry["event"]
    ]
    check_stage("perfetto served", report["stages"]["service"], served, report["quantile_error"])
    check_flows(trace, report["stages"]["queue"]["count"])
    check_counters(trace, report)

    rows = [
        json.loads(line)
        for line in run(fusetrace, "export", recording, "--format", "jsonl").splitlines()
    ]
    database = load_sqlite([list(row.values()) for row in rows], list(rows[0]))
    check_scheduling(trace, database)
    threads = {row["client_tid"] for row in rows} | {row["server_tid"] for row in rows}
    described = {int(one(one(t, "thread"), "tid")) for t in trace.tracks.values() if "thread" in t}
    if not {t for t in threads if t} <= described:
        sys.exit("a thread has no track")
    # Tracks are of threads, processes and connections, never of requests.
    limit = 3 * (len(described) + len(report["connections"])) + 64
    if len(trace.tracks) > limit:
        sys.exit(f"{len(trace.tracks)} tracks for {len(described)} threads")


def main():
    generate, fusetrace = sys.argv[1:3]
    with tempfile.TemporaryDirectory() as directory:
        recordings = sys.argv[3:]
        if not recordings:
            for seed, options in (
                (1, ["--requests", "4000"]),
                (2, ["--requests", "2000", "--cpus", "2", "--connections", "1", "--servers", "1"]),
                (3, ["--requests", "2000", "--clients", "64", "--connections", "7"]),
            ):
                recordings.append(os.path.join(directory, f"{seed}.rec"))
                subprocess.run(
                    [generate, recordings[-1], "--seed", str(seed), *options],
                    check=True,
                    stderr=subprocess.DEVNULL,
                )
        for recording in recordings:
            report = json.loads(run(fusetrace, "report", "--json", recording))
            check_lines(fusetrace, recording, directory, report)
            check_perfetto(fusetrace, recording, directory, report)
            print(f"{os.path.basename(recording)}: {report['requests']} requests agree")


main()
