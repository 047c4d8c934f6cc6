#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Whether `fusetrace top` does in a real terminal what its help says.

check_top.py FUSETRACE drives it in tmux on a load of its own: every key, small and
large sizes, and every way to end it, after which the terminal must be as before.
With --frames FOLDER the frames of the documentation are stored there.
"""

import argparse
import os
import re
import signal
import subprocess
import sys
import tempfile
import time


class Failed(Exception):
    pass


class Terminal:
    """A shell in a tmux server of its own."""

    def __init__(self, folder):
        self.socket = os.path.join(folder, "tmux")
        self.tmux("-f", "/dev/null", "new-session", "-d", "-x", "80", "-y", "24", "env PS1='$ ' sh")

    def tmux(self, *words):
        command = ["tmux", "-S", self.socket, *words]
        return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout

    def press(self, *keys):
        self.tmux("send-keys", *keys)

    def screen(self):
        return self.tmux("capture-pane", "-p")

    def resize(self, width, height):
        self.tmux("resize-window", "-x", str(width), "-y", str(height))

    def expect(self, pattern, seconds=45):
        """The screen as soon as it has this; Failed when it does not come."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            screen = self.screen()
            if re.search(pattern, screen):
                return screen
            time.sleep(0.05)
        raise Failed(f"no {pattern!r} on the screen:\n{screen}")

    def state(self):
        """What an unclean end would leave behind."""
        flags = self.tmux("display-message", "-p", "#{alternate_on} #{cursor_flag} #{keypad_flag}")
        self.press("clear; stty -g; echo ok$?", "Enter")
        settings = self.expect("ok0").splitlines()[0]
        return flags.strip(), settings

    def close(self):
        subprocess.run(
            ["tmux", "-S", self.socket, "kill-server"], check=False, stderr=subprocess.DEVNULL
        )


def start_bench(program, mount, seconds):
    # pylint: disable=consider-using-with
    words = "--servers 2 --clients 2 --op mixed --think-time 200000 --duration".split()
    bench = subprocess.Popen(
        [program, "bench", *words, str(seconds), mount],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    end = time.monotonic() + 10
    while not os.path.ismount(mount):
        if time.monotonic() > end or bench.poll() is not None:
            raise Failed("the load did not start")
        time.sleep(0.05)
    return bench


def stop(process):
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
        process.wait(20)


def pid_of_top(program):
    for number in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{number}/cmdline", "rb") as file:
                words = file.read().split(b"\0")
        except OSError:
            continue
        if len(words) > 1 and words[0] == program.encode() and words[1] == b"top":
            return int(number)
    raise Failed("top does not run")


def listed(mount):
    """The end of the mount point, for which 80 columns leave room."""
    return mount[-7:]


def check_keys(terminal, mount, keep):
    """Each key of the help, on a running top with one connection of ours."""
    mount_name = re.escape(listed(mount))
    screen = terminal.expect(mount_name)
    if not re.search(r"\d+ requests/s, same CPU", screen):
        raise Failed(f"no headline:\n{screen}")
    # The second frame has counts.
    keep("list", terminal.expect(rf"last 0.5 s(.|\n)*[1-9]\d* .* µs .*{mount_name}"))

    terminal.press("h")
    keep("help", terminal.expect(r"sort by the column before"))
    terminal.press("G")
    terminal.expect(r"ERRORS +share of replies")
    terminal.press("Escape")
    terminal.expect(mount_name)
    terminal.press("F1")
    terminal.expect("Keys")
    terminal.press("?")
    terminal.expect(mount_name)

    terminal.press(">")
    terminal.expect("vSAMECPU")
    terminal.press("R")
    terminal.expect(r"\^SAMECPU")
    terminal.press("R")
    terminal.press("<")
    terminal.expect("vREQ/S")
    terminal.press("Right")
    terminal.expect(r"CONN SAMECPU")
    terminal.press("Left")
    terminal.expect(r"CONN +vREQ/S")

    terminal.press("/")
    terminal.press("-l", "nothing-has-this")
    terminal.expect("No connection matches")
    terminal.press("Enter")
    terminal.expect("Filter: nothing-has-this")
    terminal.press("Escape")
    terminal.expect(mount_name)

    terminal.press("Space")
    clock = re.search(r"\d\d:\d\d:\d\d", terminal.expect("PAUSED")).group()
    time.sleep(1.5)
    if clock not in terminal.screen():
        raise Failed(f"paused, and the clock goes on:\n{terminal.screen()}")
    terminal.press("Space")
    terminal.expect(r"last \d")
    terminal.press("c")
    terminal.expect(r"since the start")
    terminal.press("c")
    terminal.expect(r"last \d")
    terminal.press("+")
    terminal.expect(r"last 1\.[0-9] s")
    terminal.press("-")
    terminal.expect(r"last 0\.[0-9] s")

    terminal.press("-l", "/" + mount[5:])
    terminal.press("Enter")
    terminal.press("Enter")
    keep("stages", terminal.expect(r"\[1 Stages\](.|\n)* total "))
    terminal.press("2")
    keep("opcodes", terminal.expect(r"\[2 Opcodes\](.|\n)*GETATTR"))
    terminal.press("Tab")
    keep("threads", terminal.expect(r"\[3 Threads\](.|\n)*bench-server +(idle|running|serving)"))
    terminal.press("Right")
    keep("cpus", terminal.expect(r"\[4 CPUs\](.|\n)*client down, server across"))
    terminal.press("5")
    keep("placement", terminal.expect(r"\[5 Placement\](.|\n)*kept"))
    terminal.press("BTab")
    terminal.expect(r"\[4 CPUs\]")
    terminal.press("1")
    terminal.expect(r"\[1 Stages\]")

    terminal.resize(60, 15)
    screen = terminal.expect(r"Esc list(.|\n)*$")
    time.sleep(0.5)
    screen = terminal.screen()
    if len(screen.splitlines()) > 15 or any(len(line) > 60 for line in screen.splitlines()):
        raise Failed(f"does not fit 60 by 15:\n{screen}")
    top_line = screen.splitlines()[7]
    terminal.press("Down", "Down")
    end = time.monotonic() + 5
    while terminal.screen().splitlines()[7] == top_line:
        if time.monotonic() > end:
            raise Failed(f"a panel that is too long does not scroll:\n{screen}")
        time.sleep(0.05)
    terminal.press("BSpace")
    keep("list-60x15", terminal.expect(r"CONN +vREQ/S"))
    terminal.resize(160, 40)
    keep("list-160x40", terminal.expect(r"RET99|SERV50"))
    terminal.press("Up", "Down", "PPage", "NPage", "Home", "End", "k", "j", "g", "G")
    terminal.resize(80, 24)
    terminal.expect(r"THREADS MOUNT")


def run(program, folder, frames):
    mount = os.path.join(folder, "mnt")
    os.mkdir(mount)
    terminal = Terminal(folder)
    bench = start_bench(program, mount, 120)

    def keep(name, screen):
        if frames:
            screen = screen.replace(mount, "/mnt/data")
            screen = re.sub(r"…\S*" + re.escape(listed(mount)), "/mnt/data", screen)
            text = "\n".join(line.rstrip() for line in screen.rstrip().splitlines()) + "\n"
            with open(os.path.join(frames, f"top-{name}.txt"), "w", encoding="utf-8") as file:
                file.write(text)

    try:
        before = terminal.state()
        start = f"clear; {program} top -i 500ms; echo left $?"

        terminal.press(start, "Enter")
        check_keys(terminal, mount, keep)
        terminal.press("q")
        terminal.expect("left 0")
        ends = {"q": terminal.state()}

        terminal.press(start, "Enter")
        terminal.expect("requests/s")
        terminal.press("C-c")
        terminal.expect("left 0")
        ends["Ctrl-C"] = terminal.state()

        terminal.press(start, "Enter")
        terminal.expect("requests/s")
        os.kill(pid_of_top(program), signal.SIGTERM)
        terminal.expect("left 0")
        ends["SIGTERM"] = terminal.state()

        terminal.press(start, "Enter")
        terminal.expect(re.escape(listed(mount)))
        stop(bench)
        terminal.expect("CONN")
        time.sleep(1.2)
        if listed(mount) in terminal.screen():
            raise Failed(f"the mount is gone and still listed:\n{terminal.screen()}")
        terminal.press("q")
        terminal.expect("left 0")
        ends["after the mount went"] = terminal.state()
        for how, state in ends.items():
            if state != before:
                raise Failed(f"ended by {how}: terminal {state}, before {before}")
    finally:
        stop(bench)
        terminal.close()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("--frames")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="fusetrace-top-") as folder:
        try:
            run(os.path.abspath(arguments.program), folder, arguments.frames)
        except Failed as failure:
            sys.exit(f"check_top.py: {failure}")


if __name__ == "__main__":
    main()
