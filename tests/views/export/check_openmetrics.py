#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Backfills a Prometheus from `fusetrace export --format openmetrics` and holds
its answers against `fusetrace report --json` of the same recording.

usage: check_openmetrics.py GENERATE_RECORDING FUSETRACE DASHBOARDS [RECORDING…]
Every query of the Grafana dashboards in that folder must have an answer too.
With RECORDING, those are checked and nothing is generated.
"""

import collections
import json
import math
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request

from prometheus_client.openmetrics.parser import text_string_to_metric_families

INTERVAL = 0.02  # seconds
# A recording does not know what waited.
LIVE_ONLY = ["fusetrace_connection_waiting"]
LIMIT = 60  # seconds that Prometheus may take to start


def run(*command):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def check_equal(what, got, expected):
    if got != expected:
        sys.exit(f"{what}: {got!r}, but the report has {expected!r}")


def nonzero(counts):
    return {key: count for key, count in counts.items() if count}


class Prometheus:
    """A real one over the blocks in a folder, on a port of its own on loopback."""

    def __init__(self, folder, blocks, configuration="global: {}\n"):
        config = os.path.join(folder, "prometheus.yml")
        with open(config, "w") as file:
            file.write(configuration)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.base = f"http://127.0.0.1:{port}"
        self.log_path = os.path.join(folder, "prometheus.log")
        with open(self.log_path, "w") as log:
            self.process = subprocess.Popen(
                [
                    "prometheus",
                    f"--config.file={config}",
                    f"--storage.tsdb.path={blocks}",
                    "--storage.tsdb.retention.time=100y",
                    f"--web.listen-address=127.0.0.1:{port}",
                ],
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=folder,
            )

    def __enter__(self):
        end = time.monotonic() + LIMIT
        while time.monotonic() < end and self.process.poll() is None:
            try:
                with urllib.request.urlopen(self.base + "/-/ready", timeout=5):
                    return self
            except (urllib.error.URLError, ConnectionError):
                time.sleep(0.05)
        self.__exit__()
        with open(self.log_path) as log:
            sys.exit("Prometheus did not start:\n" + log.read()[-3000:])

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()

    def query(self, expression, at):
        """The values of an instant query by their labels."""
        arguments = urllib.parse.urlencode({"query": expression, "time": f"{at:.3f}"})
        with urllib.request.urlopen(f"{self.base}/api/v1/query?{arguments}", timeout=30) as answer:
            result = json.load(answer)["data"]["result"]
        return {tuple(sorted(one["metric"].items())): float(one["value"][1]) for one in result}

    def by(self, expression, label, at):
        """Those of one label, by its value, without zeros."""
        return nonzero({dict(key)[label]: value for key, value in self.query(expression, at).items()})

    def number(self, expression, at):
        values = self.query(expression, at)
        if len(values) != 1:
            sys.exit(f"{expression} has {len(values)} values")
        return next(iter(values.values()))


def check_text(text, report):
    """By the parser of Prometheus's Python client, which is strict; returns the
    time stamps of the samples. It drops samples of histograms with several
    points, so it gets the text of one point of time at a time."""
    lines = text.splitlines(keepends=True)
    if lines[-1] != "# EOF\n":
        sys.exit("no # EOF at the end")
    stamps = collections.Counter(line.rsplit(" ", 1)[1] for line in lines if line[0] != "#")
    if len(set(stamps.values())) != 1:
        sys.exit(f"a series lacks samples: {stamps}")
    times = [stamp.strip() for stamp in stamps]
    if sorted(times, key=float) != times:
        sys.exit("the points of time are not in order")
    for time_text in times:
        end = f" {time_text}\n"
        point = "".join(line for line in lines if line[0] == "#" or line.endswith(end))
        check_point(text_string_to_metric_families(point), report)
    return [float(time_text) for time_text in times]


def check_point(families, report):
    for family in families:
        name = family.name
        if not family.documentation or not name.startswith("fusetrace_"):
            sys.exit(f"{name} has no description")
        for sample in family.samples:
            for label in ("pid", "tid", "unique", "stage", "type"):
                if label in sample.labels:
                    sys.exit(f"{name} has a label {label}")
            if sample.labels["instance"] != report["hostname"]:
                sys.exit(f"{name} is of instance {sample.labels['instance']}")


def check_counts(prometheus, report, at):
    total = prometheus.number("sum(fusetrace_requests_total)", at)
    check_equal("requests", total, report["requests"])
    check_equal(
        "opcodes",
        prometheus.by("sum by (opcode) (fusetrace_requests_total)", "opcode", at),
        nonzero({name: group["requests"] for name, group in report["opcodes"].items()}),
    )
    check_equal(
        "connections by mount",
        prometheus.by("sum by (mount) (fusetrace_requests_total)", "mount", at),
        nonzero({c["mount"]: c["requests"] for c in report["connections"].values()}),
    )
    check_equal(
        "errors", prometheus.number("sum(fusetrace_request_errors_total)", at), report["errors"]
    )
    check_equal(
        "pickups",
        prometheus.by("sum by (pickup) (fusetrace_pickups_total)", "pickup", at),
        nonzero(report["pickup"]),
    )
    check_equal(
        "migrations",
        prometheus.by("sum by (phase) (fusetrace_migrations_total)", "phase", at),
        nonzero(report["migrations"]),
    )
    check_equal(
        "lost",
        prometheus.by("sum by (reason) (fusetrace_lost_total)", "reason", at),
        nonzero(report["lost"]),
    )
    for hop, counts in report["hops"].items():
        expression = f'sum by (distance) (fusetrace_hops_total{{hop="{hop}"}})'
        check_equal(f"{hop} hops", prometheus.by(expression, "distance", at), nonzero(counts))
    for side in ("server", "client"):
        expression = f'sum by (placement) (fusetrace_wakeups_total{{side="{side}"}})'
        placed = {k: report["wakeups"][side][k] for k in ("kept", "pulled", "moved", "unknown")}
        check_equal(f"{side} wakeups", prometheus.by(expression, "placement", at), nonzero(placed))
    pairs = {
        (int(dict(key)["client_cpu"]), int(dict(key)["server_cpu"])): value
        for key, value in prometheus.query(
            "sum by (client_cpu, server_cpu) (fusetrace_cpu_pair_requests_total)", at
        ).items()
    }
    cpus = report["cpu_matrix"]["cpus"]
    matrix = {
        (client, server): count
        for client, row in zip(cpus, report["cpu_matrix"]["requests"])
        for server, count in zip(cpus, row)
    }
    check_equal("CPU pairs", nonzero(pairs), nonzero(matrix))


def check_histogram(prometheus, name, selector, stage, at):
    """Count and sum are the report's, and its quantiles lie in the bucket that
    Prometheus finds them in."""
    what = f"{name}{{{selector}}}"
    check_equal(f"{what} count", prometheus.number(f"sum({name}_count{{{selector}}})", at), stage["count"])
    mean_ns = prometheus.number(
        f"1e9 * sum({name}_sum{{{selector}}}) / sum({name}_count{{{selector}}})", at
    )
    if abs(mean_ns - stage["mean_ns"]) > 1:
        sys.exit(f"{what}: a mean of {mean_ns} ns, but the report has {stage['mean_ns']}")
    counts = prometheus.query(f"sum by (le) ({name}_bucket{{{selector}}})", at)
    bounds = sorted(float(dict(key)["le"]) for key in counts)
    if bounds[-1] != math.inf or len(bounds) != 35:
        sys.exit(f"{what} has the buckets {bounds}")
    for key, share in (("p50_ns", 0.5), ("p90_ns", 0.9), ("p99_ns", 0.99)):
        seconds = prometheus.number(
            f"histogram_quantile({share}, sum by (le) ({name}_bucket{{{selector}}}))", at
        )
        # The report's quantile is itself within 1/64 of the true one.
        upper = next(bound for bound in bounds if seconds <= bound * 1.0001)
        lower = max([bound for bound in bounds if bound < upper], default=0)
        if not lower * 0.98e9 <= stage[key] <= upper * 1.02e9:
            sys.exit(f"{what} {key}: {seconds} s, but the report has {stage[key]} ns")


def check_rates(prometheus, report, times):
    """Over the whole recording, and what an interval adds up to."""
    start, end = times[0], times[-1]
    sums = [prometheus.number("sum(fusetrace_requests_total)", at) for at in times]
    if sums != sorted(sums) or sums[0] != 0:
        sys.exit(f"the sum of requests goes {sums[:5]} … {sums[-1]}")
    window = round((end - start) * 1000)
    expression = f"sum(rate(fusetrace_requests_total[{window}ms]))"
    rate = prometheus.number(expression, end)
    expected = report["requests"] / (end - start)
    if not 0.9 * expected <= rate <= 1.1 * expected:
        sys.exit(f"{expression}: {rate}, but the report has {expected}")
    ratio = prometheus.number(
        f'sum(rate(fusetrace_hops_total{{hop="request",distance="same_cpu"}}[{window}ms]))'
        f' / sum(rate(fusetrace_hops_total{{hop="request"}}[{window}ms]))',
        end,
    )
    hops = report["hops"]["request"]
    if abs(ratio - hops["same_cpu"] / sum(hops.values())) > 0.02:
        sys.exit(f"a same-CPU ratio of {ratio}, but the report has {hops}")


def panel_queries(folder):
    """Title of the panel and expression, of every dashboard; each panel must say
    what it shows, and in which unit."""
    for name in sorted(os.listdir(folder)):
        if not name.endswith(".json"):
            continue
        with open(os.path.join(folder, name), encoding="utf-8") as file:
            board = json.load(file)
        for panel in board["panels"]:
            where = f"{name}: {panel['title']}"
            if not panel.get("description") or not panel["fieldConfig"]["defaults"].get("unit"):
                sys.exit(f"{where} has no description or no unit")
            if panel["datasource"]["uid"] != "${datasource}" or not panel["targets"]:
                sys.exit(f"{where} is bound to a data source, or has no query")
            for target in panel["targets"]:
                yield where, target["expr"]


def check_panels(prometheus, dashboards, report, times):
    """As Grafana would ask, with all of each variable chosen."""
    window = f"{round((times[-1] - times[0]) * 1000)}ms"
    asked = 0
    for where, expression in panel_queries(dashboards):
        for variable, value in (
            ("$__rate_interval", window),
            ("$__range", window),
            ("$instance", report["hostname"]),
            ("$connection", ".*"),
            ("$opcode", ".*"),
        ):
            expression = expression.replace(variable, value)
        if any(name in expression for name in LIVE_ONLY):
            continue
        if "$" in expression:
            sys.exit(f"{where} uses a variable that nobody sets: {expression}")
        values = prometheus.query(expression, times[-1])
        if not values or all(math.isnan(value) for value in values.values()):
            sys.exit(f"{where} has no data: {expression}")
        asked += 1
    if asked == 0:
        sys.exit(f"no query in {dashboards}")
    return asked


def check(fusetrace, dashboards, recording, directory):
    report = json.loads(run(fusetrace, "report", "--json", recording))
    folder = tempfile.mkdtemp(dir=directory)
    text = os.path.join(folder, "metrics.txt")
    run(fusetrace, "export", recording, "--format", "openmetrics", "--cpu-pairs",
        "--interval", f"{INTERVAL}s", "-o", text)
    with open(text) as file:
        times = check_text(file.read(), report)
    if abs(times[-1] - times[0] - report["seconds"]) > 0.003:
        sys.exit(f"samples over {times[-1] - times[0]} s, but the report has {report['seconds']}")
    blocks = os.path.join(folder, "blocks")
    run("promtool", "tsdb", "create-blocks-from", "openmetrics", text, blocks)
    with Prometheus(folder, blocks) as prometheus:
        end = times[-1]
        check_counts(prometheus, report, end)
        for phase, stage in report["stages"].items():
            if stage["count"]:
                check_histogram(prometheus, "fusetrace_request_phase_seconds", f'phase="{phase}"',
                                stage, end)
        for hop, distances in report["hop_latency"].items():
            for distance, stage in distances.items():
                check_histogram(prometheus, "fusetrace_hop_latency_seconds",
                                f'hop="{hop}",distance="{distance}"', stage, end)
        check_rates(prometheus, report, times)
        asked = check_panels(prometheus, dashboards, report, times)
    print(
        f"{os.path.basename(recording)}: {report['requests']} requests, {len(times)} points agree, "
        f"{asked} queries of dashboards answered"
    )


def main():
    generate, fusetrace, dashboards, *recordings = sys.argv[1:]
    with tempfile.TemporaryDirectory() as directory:
        if not recordings:
            for name, options in (
                ("usual", ["--requests", "60000"]),
                ("small", ["--requests", "30000", "--cpus", "2", "--connections", "1", "--clients", "1"]),
            ):
                recordings.append(os.path.join(directory, name))
                subprocess.run([generate, recordings[-1], *options], check=True,
                               stderr=subprocess.DEVNULL)
        for recording in recordings:
            check(fusetrace, dashboards, recording, directory)


if __name__ == "__main__":
    main()
