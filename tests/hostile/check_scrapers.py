#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What hostile scrapers can do to `fusetrace serve`, on the loopback interface.

  300 connections that drip a byte a second, opened again as they are closed
  200 that connect and say nothing, 64 that ask and never read
  requests with an absolute address
  a process that may open no further file: its failing looks are told by a metric

usage: check_scrapers.py FUSETRACE
"""
import os
import re
import resource
import selectors
import signal
import socket
import subprocess
import sys
import threading
import time

PROGRAM = sys.argv[1]


def fail(text):
    sys.exit(f"FAILED: {text}")


class Serve:
    def __init__(self, most_files=None):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        # pylint: disable=consider-using-with
        self.process = subprocess.Popen(
            [PROGRAM, "serve", "--listen", f"127.0.0.1:{self.port}"], stderr=subprocess.PIPE, text=True,
            preexec_fn=most_files and (lambda: resource.setrlimit(
                resource.RLIMIT_NOFILE, (most_files, most_files))))
        self.greeting = self.process.stderr.readline()
        if "Serving" not in self.greeting:
            fail(f"serve did not start: {self.greeting}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGINT)
        self.process.stderr.read()
        if self.process.wait(30) != 0:
            fail(f"serve ended with {self.process.returncode}")

    def connect(self):
        return socket.create_connection(("127.0.0.1", self.port), timeout=10)

    def get(self, target="/metrics"):
        """Status, text, and seconds that it took."""
        start = time.monotonic()
        with self.connect() as connection:
            connection.sendall(f"GET {target} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            answer = b""
            while part := connection.recv(1 << 16):
                answer += part
        head, _, body = answer.partition(b"\r\n\r\n")
        return int(head.split()[1]), body.decode(), time.monotonic() - start


class Drips:
    """So many connections that send a byte a second, and come again when closed."""

    def __init__(self, serve, count, addresses=1):
        self.serve, self.count, self.end = serve, count, False
        self.addresses = addresses
        self.opened = 0
        self.thread = threading.Thread(target=self.run)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.end = True
        self.thread.join()

    def run(self):
        open_ones = []
        while not self.end:
            while len(open_ones) < self.count and not self.end:
                connection = socket.socket()
                connection.bind((f"127.0.0.{1 + self.opened % self.addresses}", 0))
                connection.setblocking(False)
                connection.connect_ex(("127.0.0.1", self.serve.port))
                open_ones.append(connection)
                self.opened += 1
            end = time.monotonic() + 1
            with selectors.DefaultSelector() as poll:
                for connection in open_ones:
                    poll.register(connection, selectors.EVENT_READ)
                while (left := end - time.monotonic()) > 0 and not self.end:
                    for key, _ in poll.select(min(left, 0.2)):
                        poll.unregister(key.fileobj)
                        open_ones.remove(key.fileobj)
                        key.fileobj.close()
                    if len(open_ones) < self.count:
                        break
            for connection in list(open_ones):
                try:
                    connection.send(b"G")
                except OSError:
                    open_ones.remove(connection)
                    connection.close()
        for connection in open_ones:
            connection.close()


def scrape(serve, what, times=10, most=2.0):
    slowest = 0
    for _ in range(times):
        status, text, seconds = serve.get()
        if status != 200 or "fusetrace_build_info" not in text:
            fail(f"{what}: {status}")
        slowest = max(slowest, seconds)
        time.sleep(0.3)
    if slowest > most:
        fail(f"{what}: a scrape took {slowest:.2f} s")
    print(f"{what}: the slowest of {times} scrapes took {slowest * 1000:.0f} ms")


def scan_errors(serve):
    found = re.search(r"^fusetrace_scan_errors_total (\d+)", serve.get()[1], re.M)
    return int(found.group(1)) if found else fail("no fusetrace_scan_errors_total")


def main():
    with Serve() as serve:
        scrape(serve, "nobody else asks", 3)
        with Drips(serve, 300) as drips:
            time.sleep(2)
            scrape(serve, "300 connections drip a byte a second")
        print(f"they were opened {drips.opened} times")
        silent = [serve.connect() for _ in range(200)]
        scrape(serve, "200 connections say nothing", 3)
        greedy = []
        for _ in range(64):
            connection = serve.connect()
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
            connection.sendall(b"GET /metrics HTTP/1.1\r\n\r\n")
            greedy.append(connection)
        scrape(serve, "64 connections ask and do not read", 3)
        for connection in silent + greedy:
            connection.close()
        for target in f"http://127.0.0.1:{serve.port}/metrics", "http://x/-/healthy", "/metrics?a=b":
            if serve.get(target)[0] != 200:
                fail(f"{target} is not answered")
        print("absolute addresses are answered")

        if scan_errors(serve) != 0:
            fail("looks fail without a reason")
        used = len(os.listdir(f"/proc/{serve.process.pid}/fd"))
    # Fewer descriptors than others may take: for a look at /proc none is left.
    with Serve(most_files=used + 60) as serve, Drips(serve, 300, addresses=8):
        end = time.monotonic() + 60
        while scan_errors(serve) == 0:
            if time.monotonic() > end:
                fail("looks that fail for want of descriptors are not told")
            time.sleep(0.5)
        scrape(serve, f"{scan_errors(serve)} looks failed for want of descriptors, and a metric says so", 3)



main()
