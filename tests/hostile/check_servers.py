#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""FUSE servers and clients that do what no library does, against a root fusetrace.

usage: check_servers.py FUSETRACE [CHECK…]
"""
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import raw_fuse  # noqa: E402 pylint: disable=wrong-import-position
from raw_fuse import FORGET, IN_HEADER, Mount, Record, Served, fail  # noqa: E402

PROGRAM = os.path.abspath(sys.argv[1])
EVIL = b"\033[2J\033]0;owned\a\x9b31m\xe2\x80\xae=1+1"


def look_up(path, name):
    try:
        os.stat(os.path.join(path, name))
    except OSError:
        pass


def client_of(path, name):
    """A process that asks for one name and ends."""
    pid = os.fork()
    if pid == 0:
        look_up(path, name)
        os._exit(0)
    return pid


def check_killed_before_pickup(folder):
    """Clients killed while their requests wait leave nothing that another mount's requests
    could complete, whatever filter leaves those out."""
    with Served(f"{folder}/b") as other:
        waiting = Mount(f"{folder}/a")
        waiting.serve_one()  # FUSE_INIT; from here on nobody reads
        for filters in (["--connection", str(waiting.connection)],
                        ["--mount", os.fsdecode(waiting.path)]):
            with Record(PROGRAM, f"{folder}/k.rec", *filters) as record:
                for turn in range(4):
                    clients = [client_of(waiting.path, f"x{turn}.{i}".encode()) for i in range(32)]
                    time.sleep(0.3)
                    for pid in clients:
                        os.kill(pid, signal.SIGKILL)
                    for pid in clients:
                        os.waitpid(pid, 0)
                    for i in range(500):
                        look_up(other.mount.path, f"y{i}".encode())
            made_up = record.requests()
            lost = record.report()
            if made_up:
                fail(f"{' '.join(filters)}: {len(made_up)} requests were made up, the first is "
                     f"{made_up[0]['opcode']} by {made_up[0]['client_comm']}, served by thread "
                     f"{made_up[0]['server_tid']} (the other mount's is {other.tid})")
            by = lost["incomplete_by"]
            if by["unanswered"] != 0 or by["abandoned"] < 128:
                fail(f"128 clients were killed while their requests waited: {by}")
            print(f"{' '.join(filters)[:14]}: none of 2000 requests of another mount completes "
                  f"one of 128 whose clients were killed; {by}")
        waiting.close()


def check_forged_forgets(folder):
    """A server puts another file in the place of its device and reads made-up messages from it."""
    with tempfile.TemporaryFile() as forged:
        forged.write(IN_HEADER.pack(64, FORGET, 7, 1, 0, 0, 0, 0, 0) + bytes(24))
        forged.flush()
        mount = Mount(f"{folder}/forger")
        mount.serve_one()
        with Served(f"{folder}/honest") as honest, Record(PROGRAM, f"{folder}/f.rec") as record:
            look_ups = threading.Thread(target=lambda: [look_up(mount.path, b"z") for _ in range(50)])
            look_ups.start()
            answered = 0
            while answered < 50:  # so that this thread is known as a reader of its device
                answered += mount.serve_one() == raw_fuse.LOOKUP
            look_ups.join()
            kept = os.dup(mount.device)
            os.dup2(forged.fileno(), mount.device)
            for _ in range(200_000):
                os.pread(mount.device, 64, 0)
            os.dup2(kept, mount.device)
            os.close(kept)
            for i in range(200):
                look_up(honest.mount.path, f"h{i}".encode())
            time.sleep(0.2)
        mount.close()
    report = record.report()
    forgets = sum(c["requests"] for name, c in report["opcodes"].items() if name == "FORGET")
    if forgets > 100:
        fail(f"{forgets} of 200,000 forged FORGETs were counted; lost: {report['lost']}")
    if report["lost"]["ring_full"] != 0:
        fail(f"forged messages took the room of others: {report['lost']}")
    found = report["connections"].get(str(honest.mount.connection), {}).get("requests", 0)
    if found < 200:
        fail(f"the honest mount's 200 requests: {found} were seen")
    print(f"{forgets} of 200,000 forged FORGETs were counted, and all of the honest mount's requests")


def check_names(folder):
    """Mount points, sources, types and names of threads that a terminal would obey."""
    path = os.fsencode(folder) + b"/" + EVIL
    server = Served(path, source=EVIL.replace(b",", b""), fstype=b"fuse")
    server.name = EVIL[:15]
    with server:
        file = f"{folder}/n.rec"
        with Record(PROGRAM, file) as record:
            raw_fuse.name_thread(EVIL[:15])
            for i in range(50):
                look_up(path, f"n{i}".encode())
        raw_fuse.name_thread(b"check_servers")
        commands = [
            ["list"], ["list", "--json"], ["stat", "-d", "300ms"], ["stat", "-d", "300ms", "--json"],
            ["stat", "-d", "300ms", "-I", "100ms"], ["top", "-b", "-n", "2", "-i", "100ms"],
            ["report", file], ["report", "--by", "connection,client,server", file],
            ["report", "--json", file], ["report", "--html", "-", file],
            ["diff", "--base", file, "--new", file],
            ["export", file, "--format", "csv"], ["export", file, "--format", "jsonl"],
            ["export", file, "--format", "openmetrics"],
            ["record", "-o", "/dev/null", "--mount", os.fsdecode(path) + "-none\033[2J"],
            ["stat", "--connection", "\033[2J"], ["report", os.fsdecode(path) + ".rec"],
            ["\033[2J"], ["--log-level", "debug", "list"],
        ]
        for command in commands:
            done = subprocess.run([PROGRAM, *command], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                  check=False, timeout=120)
            for where, text in ("stdout", done.stdout), ("stderr", done.stderr):
                bad = [c for c in text if (c < 32 and c != 10) or c == 127]
                decoded = text.decode(errors="surrogateescape")
                bad += [c for c in decoded if 0x80 <= ord(c) < 0xa0 or c in "\u202e\u2066" or
                        0xdc80 <= ord(c) <= 0xdcff]
                if bad:
                    fail(f"{where} of {command} holds {bad[:5]}")
        if record.said.count(b"\033"):
            fail(f"the summary holds an escape: {record.said}")
    print(f"{len(commands)} commands print none of it raw")


CHECKS = {"killed": check_killed_before_pickup, "forgets": check_forged_forgets, "names": check_names}


def main():
    raw_fuse.private_mounts()
    with tempfile.TemporaryDirectory() as folder:
        for name in sys.argv[2:] or CHECKS:
            CHECKS[name](folder)


main()
