#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The kernel tier of the tests in a guest, on another kernel.

tests/vm/kernel_tier.py KERNEL TEST_KERNEL MANY_MOUNTS [all]: boots one guest with the
test program and runs it there: what a kernel can make different, or all but what needs
programs that the guest has not, and the unpinned loads, which agreement.py runs with
the tolerance that emulation needs. Prints the tests that ran, and how each ended.
"""

import os
import re
import shutil
import sys

from agreement import boot

FILTERS = {
    "some": "Loading.*:Pinned.*:OverIoUring.*:Capture.*:*Disturbed*:*Kinds*:Cuse.*",
    "all": "-Bindfs*:*/Agreement.*:Stat.AgreesWith*",
}


def main():
    if len(sys.argv) not in (4, 5):
        sys.exit(f"usage: {sys.argv[0]} 6.1|6.12|7.3 TEST_KERNEL MANY_MOUNTS [all]")
    kernel, tests, many_mounts = sys.argv[1:4]
    chosen = FILTERS[sys.argv[4] if len(sys.argv) == 5 else "some"]
    # sbin may not be among the places where a user's programs are.
    path = os.environ["PATH"] + ":/usr/sbin:/sbin"
    options = ["--cpus", "2", "--memory", "2048", "--timeout", "900"]
    for program in (tests, many_mounts, "bpftool", "unshare"):
        found = shutil.which(program, path=path)
        if not found:
            sys.exit(f"no program {program}")
        options += ["--program", found]
    guest = boot(kernel, options,
                 "export FUSETRACE=/bin/fusetrace MANY_MOUNTS=/bin/many_mounts; "
                 f"/bin/test_kernel --gtest_filter='{chosen}' 2>&1")
    if guest.returncode == 77:
        sys.exit(77)
    print(guest.stdout)
    ran = re.findall(r"^\[       OK \] (\S+)", guest.stdout, re.M)
    skipped = re.findall(r"^\[  SKIPPED \] (\S+) \(", guest.stdout, re.M)
    print(f"{kernel}: {len(ran)} tests passed, skipped: {' '.join(skipped) or 'none'}")
    # Without any that ran, nothing was shown.
    sys.exit(0 if guest.returncode == 0 and len(ran) > 10 else 1)


if __name__ == "__main__":
    main()
