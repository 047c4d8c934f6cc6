#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Small recordings that name very many things: every reading verb, within a stated
time, memory and length of output, for each file in the folder `hostile`.

  info-blocks.rec  two compressed info blocks that unpack to 32 MB each
  manyconn.rec     20,000 requests, each of another connection
  manyop.rec       20,000 requests, each of another opcode
  cpus.rec         numbers of CPUs up to 65,535

usage: check_hostile.py FUSETRACE FOLDER
"""
import glob
import os
import resource
import sys
import tempfile
import time

FUSETRACE, FOLDER = sys.argv[1:3]
# CPU seconds, MiB of resident memory and of output. A build without optimisation, or
# with a sanitizer, takes a multiple of the time and memory.
SECONDS, MEMORY, OUTPUT = 20, 400, 600
SLACK = float(os.environ.get("FUSETRACE_TEST_SLACK", "1"))


def verbs(file):
    yield ["report", file]
    yield ["report", "--by", "opcode,connection,client,server,cpu,pickup", file]
    yield ["report", "--json", file]
    yield ["report", "--html", "-", file]
    yield ["diff", "--base", file, "--new", file]
    yield ["diff", "--json", "--base", file, "--new", file]
    for kind in "csv", "jsonl", "perfetto", "openmetrics":
        yield ["export", file, "--format", kind]
    yield ["export", file, "--format", "openmetrics", "--cpu-pairs"]


def run(arguments):
    """CPU seconds, peak MiB, MiB of output, exit status, and what it said."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        before = time.monotonic()
        pid = os.fork()
        if pid == 0:
            os.dup2(out.fileno(), 1)
            os.dup2(err.fileno(), 2)
            limit = int(SECONDS * SLACK * 2)
            resource.setrlimit(resource.RLIMIT_CPU, (limit, limit))
            os.execv(FUSETRACE, [FUSETRACE, *arguments])
        _, status, usage = os.wait4(pid, 0)
        err.seek(0)
        return (usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024,
                os.fstat(out.fileno()).st_size / 2**20, os.waitstatus_to_exitcode(status),
                err.read().decode(errors="replace").strip(), time.monotonic() - before)


def main():
    files = sorted(glob.glob(os.path.join(FOLDER, "*.rec")))
    assert files, f"no recording in {FOLDER}"
    failed = False
    for file in files:
        for arguments in verbs(file):
            seconds, memory, output, status, said, _ = run(arguments)
            ok = (seconds <= SECONDS * SLACK and memory <= MEMORY * SLACK and output <= OUTPUT
                  and status in (0, 1))
            failed |= not ok
            name = " ".join(os.path.basename(a) for a in arguments)
            print(f"{'ok  ' if ok else 'FAIL'} {seconds:6.2f} s {memory:6.0f} MiB {output:7.2f} MiB out"
                  f"  status {status}  {name}" + (f"  [{said.splitlines()[0][:160]}]" if said else ""))
    sys.exit(1 if failed else 0)


main()
