#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Whether a real Prometheus gets from `fusetrace serve` what a load knows to be true.

check_serve.py FUSETRACE DASHBOARDS: serves a bench, has Prometheus scrape it with the
rules of the dashboards, asks every query of every panel and rule, then sends garbage to
the port and looks at what the process may still do.
"""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "views", "export"))
import check_openmetrics as backfill  # noqa: E402 pylint: disable=wrong-import-position

CONFIGURATION = """
global:
  scrape_interval: 1s
  evaluation_interval: 1s
rule_files:
  - {rules}
scrape_configs:
  - job_name: fusetrace
    static_configs:
      - targets: ["{target}"]
"""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Serve:
    """A fusetrace that serves, until the end of the with block."""

    def __init__(self, program, *options):
        self.address = f"127.0.0.1:{free_port()}"
        # pylint: disable=consider-using-with
        self.process = subprocess.Popen(
            [program, "serve", "--listen", self.address, *options],
            stderr=subprocess.PIPE,
            text=True,
        )
        self.greeting = self.process.stderr.readline()
        if "Serving" not in self.greeting:
            sys.exit(f"serve did not start: {self.greeting}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGINT)
        self.farewell = self.process.stderr.read()
        if self.process.wait(30) != 0:
            sys.exit(f"serve ended with {self.process.returncode}: {self.farewell}")

    def get(self, path="/metrics"):
        with urllib.request.urlopen(f"http://{self.address}{path}", timeout=10) as answer:
            return answer.read().decode()

    def total(self):
        """Requests of all connections together, as the text has them."""
        lines = re.findall(r"^fusetrace_requests_total\{[^\n]*\} (\S+)$", self.get(), re.M)
        return sum(float(value) for value in lines)


def bench(program, *options):
    words = [program, "bench", "--json", "--servers", "4", "--clients", "4", *options]
    return json.loads(subprocess.run(words, check=True, stdout=subprocess.PIPE).stdout)


def check_privileges(serve):
    with open(f"/proc/{serve.process.pid}/status", encoding="ascii") as file:
        status = dict(line.rstrip("\n").split(":\t", 1) for line in file)
    kept = {"none": 0, "cap_bpf": 1 << 39}[re.search(r"kept: (\w+)", serve.greeting).group(1)]
    wanted = {"CapInh": 0, "CapPrm": kept, "CapEff": kept, "CapBnd": kept, "CapAmb": 0}
    for name, value in wanted.items():
        if int(status[name], 16) != value:
            sys.exit(f"{name} is {status[name]} and not {value:x}")
    if status["NoNewPrivs"] != "1" or "0" in status["Uid"].split() or status["Groups"].strip():
        sys.exit(f"still privileged: {status}")


def send(address, data, wait=0.0):
    """The answer to raw bytes; empty when the connection is closed without one."""
    host, port = address.split(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        try:
            connection.sendall(data)
            time.sleep(wait)
            return connection.recv(200)
        except OSError:
            return b""


def check_hostility(serve):
    """Whatever is sent, others are still answered at once."""
    slow = [
        threading.Thread(target=send, args=(serve.address, b"GET /metrics HTTP/1.1\r\nHost: ", 4))
        for _ in range(4)
    ]
    for thread in slow:
        thread.start()
    for data in (
        b"\0\xff" * 200 + b"\r\n\r\n",
        b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\n\r\n",
        b"GET /metrics HTTP/1.1\r\nX: " + b"b" * 100_000 + b"\r\n\r\n",
        b"POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc",
        b"GET /../../etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n",
        b"DELETE / HTTP/1.1\r\nHost: x\r\n\r\n",
    ):
        answer = send(serve.address, data)
        if answer and not re.match(rb"HTTP/1.[01] 4\d\d ", answer):
            sys.exit(f"{data[:40]} was answered with {answer[:80]}")
    start = time.monotonic()
    serve.get()
    if time.monotonic() - start > 5:
        sys.exit("others wait while slow requests are under way")
    for thread in slow:
        thread.join()
    try:
        serve.get("/none")
        sys.exit("/none was answered")
    except urllib.error.HTTPError as error:
        if error.code != 404:
            sys.exit(f"/none: {error}")
    if "healthy" not in serve.get("/-/healthy") or "/metrics" not in serve.get("/"):
        sys.exit("the pages are not what they should be")


def check_bounds(program):
    """Connections beyond the limit are counted together, and none is left out."""
    with Serve(program, "--max-connections", "1") as serve:
        truth = [sum(bench(program, "--requests", "500")["opcodes"].values())]
        with tempfile.TemporaryDirectory() as second, tempfile.TemporaryDirectory() as first:
            held = subprocess.Popen(  # pylint: disable=consider-using-with
                [program, "bench", "--think-time", "1000000", "--duration", "30", first],
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            )
            while not os.path.ismount(first):
                time.sleep(0.05)
            truth.append(sum(bench(program, "--requests", "700", second)["opcodes"].values()))
            held.send_signal(signal.SIGINT)
            held.wait(20)
        text = serve.get()
        labels = set(re.findall(r'fusetrace_requests_total\{connection="(\w+)"', text))
        if len(labels) != 2 or "other" not in labels:
            sys.exit(f"one connection may have labels, and there are {labels}")
        series = len([line for line in text.splitlines() if line and line[0] != "#"])
        most = int(re.search(r"at most (\d+) series", serve.greeting).group(1))
        if series > most or serve.total() < sum(truth):
            sys.exit(f"{series} series of {most}, {serve.total()} requests of at least {truth}")


def check(program, dashboards, folder):
    rules = os.path.abspath(os.path.join(dashboards, "prometheus", "rules.yml"))
    with Serve(program, "--cpu-pairs") as serve:
        check_privileges(serve)
        configuration = CONFIGURATION.format(rules=rules, target=serve.address)
        with backfill.Prometheus(folder, os.path.join(folder, "data"), configuration) as prometheus:
            # It must have seen each counter before it grows.
            first = bench(program, "--op", "mixed", "--requests", "400", "--think-time", "1000")
            load = subprocess.Popen(  # pylint: disable=consider-using-with
                [program, "bench", "--op", "mixed", "--duration", "8", "--clients", "2", "--json"],
                stdout=subprocess.PIPE,
            )
            time.sleep(7)
            now = time.time()
            asked = 0
            for where, expression in backfill.panel_queries(dashboards):
                for variable, value in (
                    ("$__rate_interval", "5s"), ("$__range", "5s"), ("$instance", ".*"),
                    ("$connection", ".*"), ("$opcode", ".*"),
                ):
                    expression = expression.replace(variable, value)
                if not prometheus.query(expression, now):
                    sys.exit(f"{where} has no data: {expression}")
                asked += 1
            recorded = [
                "instance:fusetrace_requests:rate5m",
                "instance:fusetrace_same_cpu:ratio_rate5m",
                "instance_connection_mount:fusetrace_request_seconds:p99_rate5m",
            ]
            for name in recorded:
                end = time.monotonic() + 20
                while not prometheus.query(name, time.time()):
                    if time.monotonic() > end:
                        sys.exit(f"the rule {name} has no data")
                    time.sleep(0.2)
            second = json.loads(load.communicate()[0])
            time.sleep(2.5)
            now = time.time()
            truth = {}
            for document in (first, second):
                for opcode, count in document["opcodes"].items():
                    truth[opcode] = truth.get(opcode, 0) + count
            seen = prometheus.by("sum by (opcode) (fusetrace_requests_total)", "opcode", now)
            backfill.check_equal("requests by opcode", seen, backfill.nonzero(truth))
            if prometheus.number("sum(fusetrace_lost_total)", now) != 0:
                lost = prometheus.by("sum by (reason) (fusetrace_lost_total)", "reason", now)
                sys.exit(f"lost: {lost}")
        lint = subprocess.run(
            ["promtool", "check", "metrics"], input=serve.get(), text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
        )
        if lint.returncode != 0 or lint.stdout.strip():
            sys.exit(f"promtool check metrics: {lint.stdout}")
        check_hostility(serve)
        # After a mount has gone, and with another one.
        before = serve.total()
        third = bench(program, "--requests", "1000")
        time.sleep(0.5)
        grown = serve.total() - before
        backfill.check_equal("requests after that", grown, sum(third["opcodes"].values()))
    print(f"{sum(truth.values())} requests agree, {asked} queries of dashboards answered")


def main():
    program, dashboards = sys.argv[1:]
    program = os.path.abspath(program)
    with tempfile.TemporaryDirectory() as folder:
        check(program, dashboards, folder)
    check_bounds(program)


if __name__ == "__main__":
    main()
