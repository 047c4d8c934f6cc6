#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes the pictures of docs/pictures from recordings, in the browser that the
tests use; by hand, when the output has changed.

usage: make_pictures.py FUSETRACE FOLDER USUAL SWING BASE,… NEW,…
USUAL is for the pictures of the report, SWING for the one of a swing over time,
the others for diff. Needs convert (ImageMagick) to keep the files small.
"""

import html
import os
import pty
import re
import subprocess
import sys
import tempfile

from browser import Browser

COLOURS = {"31": "#ff8a80", "32": "#7ccf7f", "33": "#f2c14e"}


def terminal(command, columns):
    """What the command prints on a terminal of that width."""
    ours, theirs = pty.openpty()
    os.set_blocking(ours, True)
    subprocess.run(["stty", "cols", str(columns), "rows", "50"], stdin=theirs, check=True)
    process = subprocess.Popen(command, stdout=theirs, stderr=subprocess.DEVNULL,
                               env={**os.environ, "TERM": "xterm-256color", "COLUMNS": str(columns)})
    os.close(theirs)
    text = b""
    while True:
        try:
            some = os.read(ours, 65536)
        except OSError:
            break
        if not some:
            break
        text += some
    os.close(ours)
    process.wait()
    return text.decode().replace("\r", "")


def indexed(number):
    """Of xterm's 256 colours."""
    if number >= 232:
        level = 8 + 10 * (number - 232)
        return f"rgb({level},{level},{level})"
    steps = (0, 95, 135, 175, 215, 255)
    number -= 16
    return f"rgb({steps[number // 36]},{steps[number // 6 % 6]},{steps[number % 6]})"


def style(codes):
    out, codes = [], codes.split(";")
    while codes:
        code = codes.pop(0)
        if code in ("38", "48") and codes[:1] == ["5"]:
            colour = indexed(int(codes[1]))
            out.append(f"{'color' if code == '38' else 'background'}:{colour}")
            codes = codes[2:]
        elif code == "1":
            out.append("font-weight:bold")
        elif code == "2":
            out.append("color:#8b939d")
        elif code in COLOURS:
            out.append(f"color:{COLOURS[code]}")
    return ";".join(out)


def as_page(text, path):
    body = ""
    for part in re.split(r"(\x1b\[[0-9;]*m)", text):
        if part.startswith("\x1b["):
            codes = part[2:-1]
            body += "</span>" if codes in ("", "0") else f'<span style="{style(codes)}">'
        else:
            body += html.escape(part)
    with open(path, "w") as file:
        file.write('<meta charset="utf-8"><body style="margin:0;background:#16191d;color:#dde1e6"><pre style="font:13px/1.35 '
                   f'\'DejaVu Sans Mono\',monospace;margin:12px;display:inline-block">{body}</pre>')


def shrink(path, colours=96):
    subprocess.run(["convert", path, "-strip", "-colors", str(colours), "-define",
                    "png:compression-level=9", path], check=True)
    size = os.path.getsize(path)
    print(f"{path}: {size} bytes")
    if size > 200_000:
        sys.exit(f"{path} is too large")


def main():
    fusetrace, folder, usual, swing, base, new = sys.argv[1:]
    with tempfile.TemporaryDirectory() as directory, Browser() as browser:
        page = os.path.join(directory, "page.html")

        def picture(name, selector=None, bottom=None):
            path = os.path.join(folder, name)
            browser.picture(path, selector)
            if bottom:
                subprocess.run(["convert", path, "-crop", f"x{bottom}+0+0", "+repage", path], check=True)
            shrink(path)

        subprocess.run([fusetrace, "report", "--html", page, usual], check=True)
        browser.show(page, 1180, 900)
        picture("report-page.png", bottom=1560)
        browser.show(page, 390, 844, "dark")
        picture("report-phone.png", bottom=1500)
        browser.show(page, 900, 900)
        picture("report-flow.png", "#flow")
        subprocess.run([fusetrace, "report", "--html", page, swing], check=True)
        browser.show(page, 900, 900)
        picture("swing.png", "#time")

        for name, command, lines in (
            ("report-text.png", ["report", usual], 60),
            ("diff.png", ["diff", "--base", *base.split(","), "--new", *new.split(",")], 40),
        ):
            text = terminal([fusetrace, *command], 100)
            text = "\n".join(text.split("\n")[:lines])
            as_page(text, page)
            browser.show(page, 900, 400)
            picture(name, "pre")


main()
