#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""FUSE as a module that comes and goes, in a guest of the kernel that has it so (6.1).

tests/vm/late_module.py: a capture has the module loaded; while `serve` runs it cannot
be unloaded, and mounts that come and go are counted; afterwards it can, and the next
capture has it loaded again. Needs FUSETRACE, as tests/vm/run does.
"""

import re
import sys

from agreement import boot

SCRIPT = r"""
bench() { fusetrace bench --requests $1 >bench.out 2>&1 || cat bench.out; grep '^requests' bench.out; }
begin() {
  fusetrace serve 2>serve.err &
  serve=$!
  for i in $(seq 100); do grep -q Serving serve.err && return; sleep 0.1; done
  cat serve.err
}
total() { echo total $(wget -q -O - http://127.0.0.1:9475/metrics |
  awk '/^fusetrace_requests_total/ { n += $NF } END { print n }'); }
end() { kill -INT $serve; wait $serve; echo serve ended with $?; }
loaded() { grep -q '^fuse ' /proc/modules && echo loaded || echo not loaded; }
loaded
begin; loaded
bench 1000; bench 2000; sleep 1; total
rmmod fuse 2>/dev/null && echo gone under us
end
umount /sys/fs/fuse/connections 2>/dev/null; rmmod fuse; loaded
begin; loaded; bench 500; sleep 1; total; end
"""


def main():
    guest = boot("6.1", ["--cpus", "2", "--late-fuse"], SCRIPT)
    if guest.returncode == 77:
        sys.exit(77)
    print(guest.stdout)
    counts = [int(n) for n in re.findall(r"^requests +(\d+)", guest.stdout, re.M)]
    told = re.sub(r"^requests.*\n", "", guest.stdout, flags=re.M).split("\n")[:-1]
    if len(counts) != 3:
        sys.exit("not every load ran")
    wanted = ["not loaded", "loaded", f"total {counts[0] + counts[1]}", "serve ended with 0",
              "not loaded", "loaded", f"total {counts[2]}", "serve ended with 0"]
    if told != wanted:
        sys.exit(f"told {told}, wanted {wanted}")


if __name__ == "__main__":
    main()
