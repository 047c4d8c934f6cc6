#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""virtio-fs in a guest: named as such, and every request counted once.

tests/vm/virtio_fs.py KERNEL: a guest reads a file of the host several times over, and
virtiofsd's log says what it was asked for. There is no server in the guest, so that what
concerns one is unknown. Needs FUSETRACE, as tests/vm/run does.
"""

import collections
import json
import os
import re
import shutil
import sys
import tempfile

from agreement import boot

# Several, since here a client may go on, and ask for more, before its reply was seen.
CAPTURES = 3

# Every capture lies between two names that are looked up, and that do not exist.
SCRIPT = f"""
mkdir -p /mnt; mount -t virtiofs share /mnt || exit 1
for k in $(seq {CAPTURES}); do
stat /mnt/begin$k >/dev/null 2>&1
fusetrace record -o r -- sh -c 'for i in $(seq 100); do cat /mnt/file; done; stat /mnt/end' \\
  >/dev/null 2>record.err || cat record.err
echo '=report'; fusetrace report --json r
done
umount /mnt
"""


def asked(log):
    """Per capture: opcode → count, of what virtiofsd was asked for between the two names."""
    with open(log, encoding="utf-8", errors="replace") as file:
        text = file.read()
    captures = re.findall(r"name=begin\d.*?name=end", text, re.DOTALL)
    return [collections.Counter(re.findall(r"opcode: ([A-Z_0-9]+) ", one)) for one in captures]


def check(report, witness):
    """What is wrong, as a list of sentences; empty when all is well."""
    counts = {name: opcode["requests"] for name, opcode in report["opcodes"].items()}
    # Forgets have no answer, and no hook of their own there.
    del witness["FORGET"]
    wrong = []
    if counts != witness:
        wrong.append(f"virtiofsd was asked for {dict(witness)}")
    wrong += [f"lost {name}: {n}" for name, n in report["lost"].items() if n]
    wrong += [f"incomplete {name}: {n}" for name, n in report["incomplete_by"].items() if n]
    if counts.get("READ", 0) < 100:
        wrong.append("the load did not run")
    if report["transports"]["virtiofs"] != report["requests"]:
        wrong.append("not all is named virtiofs")
    if report["hops"]["request"]["unknown"] != report["requests"] or report["servers"]:
        wrong.append("there is no server in the guest")
    print(f"{counts}, transports {report['transports']}: {'; '.join(wrong) or 'ok'}")
    return wrong


def main():
    if len(sys.argv) != 2:
        sys.exit(f"usage: {sys.argv[0]} 6.1|6.12|7.3")
    kernel = sys.argv[1]
    folder = tempfile.mkdtemp()
    share = os.path.join(folder, "share")
    try:
        os.mkdir(share)
        with open(os.path.join(share, "file"), "w", encoding="utf-8") as file:
            file.write("x" * 10000)
        guest = boot(kernel, ["--cpus", "2", "--share", share], SCRIPT)
        if guest.returncode == 77:
            sys.exit(77)
        if guest.returncode != 0:
            sys.exit(f"{guest.stdout}\n{kernel}: status {guest.returncode}")
        witnesses = asked(share + ".log")
    finally:
        shutil.rmtree(folder)
    documents = guest.stdout.split("=report")[1:]
    if not len(documents) == len(witnesses) == CAPTURES:
        sys.exit(f"{guest.stdout}\n{kernel}: {CAPTURES} captures were wanted")
    decoder = json.JSONDecoder()
    reports = [decoder.raw_decode(text[text.index("{"):])[0] for text in documents]
    if any([check(*pair) for pair in zip(reports, witnesses)]):
        sys.exit(f"{kernel}: fusetrace and virtiofsd differ")


if __name__ == "__main__":
    main()
