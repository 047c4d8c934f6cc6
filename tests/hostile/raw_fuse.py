# SPDX-License-Identifier: Apache-2.0
"""A FUSE server without any library, so that it can misbehave as it likes, and what the
tests need around it."""
import ctypes
import errno
import json
import os
import re
import select
import signal
import struct
import subprocess
import sys
import threading
import time

LIBC = ctypes.CDLL(None, use_errno=True)
MS_NOSUID, MS_NODEV, MNT_DETACH, PR_SET_NAME = 2, 4, 2, 15
IN_HEADER = struct.Struct("<IIQQIIIHH")  # len, opcode, unique, nodeid, uid, gid, pid, …
LOOKUP, FORGET, GETATTR, STATFS, INIT, OPENDIR, INTERRUPT, BATCH_FORGET = 1, 2, 3, 17, 26, 27, 36, 42
WITHOUT_REPLY = (FORGET, BATCH_FORGET, INTERRUPT)
READ_BYTES = 1 << 17


def fail(text):
    sys.exit(f"FAILED: {text}")


def wait_for(condition, what, seconds=30):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            fail(f"waited {seconds} s for {what}")
        time.sleep(0.02)


def name_thread(name):
    LIBC.prctl(PR_SET_NAME, name[:15], 0, 0, 0)


def attributes(node):
    mode = 0o40755 if node == 1 else 0o100644
    return struct.pack("<QQQQQQIIIIIIIIII", node, 0, 0, 0, 0, 0, 0, 0, 0, mode, 1, 0, 0, 0, 4096, 0)


class Mount:
    """A mount of ours whose device is in self.device; nobody reads it but who is told to."""

    def __init__(self, path, options="", source=b"hostile", fstype=b"fuse"):
        self.path = path if isinstance(path, bytes) else os.fsencode(path)
        os.makedirs(self.path, exist_ok=True)
        self.device = os.open("/dev/fuse", os.O_RDWR | os.O_CLOEXEC)
        data = f"fd={self.device},rootmode=40000,user_id=0,group_id=0,allow_other{options}".encode()
        if LIBC.mount(source, self.path, fstype, MS_NOSUID | MS_NODEV, data) != 0:
            fail(f"cannot mount on {self.path!r}: {os.strerror(ctypes.get_errno())}")
        self.connection = None
        with open("/proc/self/mountinfo", "rb") as file:
            for line in file:
                fields = line.split()
                if re.sub(rb"\\(\d{3})", lambda m: bytes([int(m[1], 8)]), fields[4]) == self.path:
                    self.connection = int(fields[2].split(b":")[1])

    def reply(self, unique, data=b"", error=0):
        try:
            os.write(self.device, struct.pack("<IiQ", 16 + len(data), error, unique) + data)
        except OSError as problem:
            if problem.errno not in (errno.ENOENT, errno.ENODEV):
                raise

    def serve_one(self):
        """Reads a message and answers it; its opcode, or None when the mount is gone."""
        try:
            message = os.read(self.device, READ_BYTES)
        except OSError as problem:
            return None if problem.errno == errno.ENODEV else 0
        length, opcode, unique, node = IN_HEADER.unpack_from(message)[:4]
        assert length == len(message)
        if opcode == INIT:
            self.reply(unique, struct.pack("<IIIIHHIIHHIIQ", 7, 31, 4096, 0, 12, 9, 4096, 1, 0, 0, 0, 0, 0)
                       + bytes(16))
        elif opcode == LOOKUP:
            self.reply(unique, struct.pack("<QQQQII", 2, 0, 0, 0, 0, 0) + attributes(2))
        elif opcode == GETATTR:
            self.reply(unique, struct.pack("<QII", 0, 0, 0) + attributes(node))
        elif opcode == STATFS:
            self.reply(unique, bytes(80))
        elif opcode not in WITHOUT_REPLY:
            self.reply(unique, error=-errno.ENOSYS)
        return opcode

    def serve_until(self, stop):
        while not stop.is_set():
            if select.select([self.device], [], [], 0.05)[0] and self.serve_one() is None:
                return

    def close(self):
        LIBC.umount2(self.path, MNT_DETACH)
        os.close(self.device)


class Served:
    """A mount with a thread that answers, until the end of the with block."""

    def __init__(self, path, **options):
        self.mount = Mount(path, **options)
        self.stop = threading.Event()
        self.tid = None
        self.name = None
        self.thread = threading.Thread(target=self.run)

    def run(self):
        self.tid = threading.get_native_id()
        if self.name:
            name_thread(self.name)
        self.mount.serve_until(self.stop)

    def __enter__(self):
        self.thread.start()
        wait_for(lambda: self.tid, "the server")
        return self

    def __exit__(self, *_):
        self.stop.set()
        self.thread.join()
        self.mount.close()


class Record:
    """`fusetrace record` while the with block lasts; then its requests and losses."""

    def __init__(self, program, file, *options):
        self.program, self.file = program, file
        # pylint: disable=consider-using-with
        self.process = subprocess.Popen([program, "record", "-o", file, *options],
                                        stderr=subprocess.PIPE, stdout=subprocess.DEVNULL)
        line = self.process.stderr.readline()
        if b"Tracing" not in line:
            fail(f"record did not start: {line}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGINT)
        self.said = self.process.stderr.read()
        status = self.process.wait(120)
        if status != 0:
            fail(f"record ended with {status}: {self.said}")

    def report(self):
        return json.loads(subprocess.run([self.program, "report", "--json", self.file], check=True,
                                         stdout=subprocess.PIPE).stdout)

    def requests(self):
        text = subprocess.run([self.program, "export", self.file, "--format", "jsonl"], check=True,
                              stdout=subprocess.PIPE).stdout
        return [json.loads(line) for line in text.splitlines()]


def private_mounts():
    """What is mounted from here on is not seen elsewhere, and goes with this process."""
    if LIBC.unshare(0x00020000) != 0 or LIBC.mount(b"none", b"/", None, 0x44000, None) != 0:
        fail("cannot have mounts of our own: root is needed")
