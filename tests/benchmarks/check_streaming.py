#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Reads large recordings through every command that takes one: memory must not
grow with them, and a terminal must see progress. Prints the speed.

usage: check_streaming.py GENERATE_RECORDING FUSETRACE [MILLIONS]
"""

import os
import pty
import subprocess
import sys
import tempfile
import time

MOST_MB = 200
MOST_GROWTH_MB = 20  # from a quarter of the requests to all of them
# Its samples grow with the time that a recording covers, up to a bound.
BOUNDED_ONLY = {"openmetrics"}


def commands(fusetrace, path):
    yield "report", [fusetrace, "report", path]
    yield "report --json", [fusetrace, "report", "--json", path]
    yield "report --html", [fusetrace, "report", "--html", "/dev/null", path]
    yield "diff", [fusetrace, "diff", "--base", path, "--new", path]
    for name in ("csv", "jsonl", "perfetto", "openmetrics"):
        options = ["--interval", "10ms"] if name == "openmetrics" else []
        yield name, [fusetrace, "export", path, "--format", name, "-o", "/dev/null", *options]


def measure(command):
    """Seconds, and the most memory that it had, in MB."""
    start = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        sys.exit(f"{' '.join(command)} ended with {process.returncode}")
    return time.monotonic() - start, usage.ru_maxrss / 1024


def stderr_on_terminal(command):
    """What a terminal would get to see while the command runs."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=theirs)
    os.close(theirs)
    seen = b""
    while True:
        try:
            some = os.read(ours, 4096)
        except OSError:  # the other end is closed
            break
        if not some:
            break
        seen += some
    os.close(ours)
    if process.wait() != 0:
        sys.exit(f"{' '.join(command)} ended with {process.returncode}")
    return seen.decode()


def main():
    generate, fusetrace = sys.argv[1:3]
    requests = int(float(sys.argv[3] if len(sys.argv) > 3 else 1) * 1e6)
    with tempfile.TemporaryDirectory() as directory:
        paths = []
        for count in (requests // 4, requests):
            paths.append(os.path.join(directory, str(count)))
            subprocess.run([generate, paths[-1], "--requests", str(count)], check=True,
                           stderr=subprocess.DEVNULL)
        for (name, few), (_, all_of_them) in zip(*(commands(fusetrace, path) for path in paths)):
            _, small = measure(few)
            seconds, large = measure(all_of_them)
            print(f"{name:14} {requests / seconds / 1e6:6.2f} million requests/s, {large:6.1f} MB")
            if large > MOST_MB or (large - small > MOST_GROWTH_MB and name not in BOUNDED_ONLY):
                sys.exit(f"{name}: {small:.0f} MB for {requests // 4} requests, {large:.0f} MB for all")
        command = [fusetrace, "export", paths[-1], "--format", "jsonl", "-o", "/dev/null"]
        seen = stderr_on_terminal(command)
        if "reading" not in seen or " % [" not in seen or "million/s" not in seen:
            sys.exit(f"no progress on a terminal: {seen!r}")
        if not seen.endswith("\r\033[K"):
            sys.exit(f"progress is left on the terminal: {seen[-80:]!r}")
        quiet = subprocess.run(command, stderr=subprocess.PIPE, text=True, check=True).stderr
        if "reading" in quiet:
            sys.exit(f"progress without a terminal: {quiet!r}")


main()
