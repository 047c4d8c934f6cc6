#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Draws the dashboards' panels from what a real Prometheus answers, for the docs.

draw_boards.py FUSETRACE DASHBOARDS FOLDER: serves a load that changes its ways three
times, has Prometheus scrape it, asks it each panel's queries over that time, and has
Chromium draw a picture of each board into FOLDER. Needs root, prometheus, chromium.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "kernel"))
import check_serve  # noqa: E402 pylint: disable=wrong-import-position
from check_serve import backfill  # noqa: E402 pylint: disable=wrong-import-position

STEP = 1
PHASES = [
    ["--servers", "1", "--clients", "1", "--server-cpus", "0", "--client-cpus", "0"],
    ["--servers", "1", "--clients", "1", "--server-cpus", "0", "--client-cpus", "1"],
    ["--servers", "4", "--clients", "4", "--op", "mixed"],
]
VARIABLES = {"$__rate_interval": "5s", "$__range": "60s", "$instance": ".*", "$connection": ".*",
             "$opcode": ".*"}


def answers(prometheus, expression, start, end):
    for variable, value in VARIABLES.items():
        expression = expression.replace(variable, value)
    query = urllib.parse.urlencode(
        {"query": expression, "start": start, "end": end, "step": STEP})
    with urllib.request.urlopen(f"{prometheus.base}/api/v1/query_range?{query}") as answer:
        return json.load(answer)["data"]["result"]


def draw(board, picture, folder):
    with open(os.path.join(HERE, "boards.html"), encoding="utf-8") as file:
        page = file.read().replace("/*BOARD*/null", json.dumps(board).replace("</", "<\\/"))
    path = os.path.join(folder, "board.html")
    with open(path, "w", encoding="utf-8") as file:
        file.write(page)
    height = 90 + 40 * max(p["gridPos"]["y"] + p["gridPos"]["h"] for p in board["panels"])
    subprocess.run(
        ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run",
         "--disable-background-networking", "--disable-component-update", "--disable-sync",
         f"--user-data-dir={folder}/chromium", f"--window-size=1440,{height}",
         f"--screenshot={picture}", f"file://{path}"],
        check=True, stderr=subprocess.DEVNULL)


def main():
    program, dashboards, pictures = (os.path.abspath(path) for path in sys.argv[1:])
    rules = os.path.join(dashboards, "prometheus", "rules.yml")
    with tempfile.TemporaryDirectory() as folder, \
            check_serve.Serve(program, "--cpu-pairs") as serve:
        configuration = check_serve.CONFIGURATION.format(rules=rules, target=serve.address)
        with backfill.Prometheus(folder, os.path.join(folder, "data"), configuration) as prometheus:
            time.sleep(3)
            start = int(time.time()) + 3
            for options in PHASES:
                subprocess.run([program, "bench", "--duration", "18", *options], check=True,
                               stdout=subprocess.DEVNULL)
            end = int(time.time())
            for name in sorted(os.listdir(dashboards)):
                if not name.endswith(".json"):
                    continue
                with open(os.path.join(dashboards, name), encoding="utf-8") as file:
                    board = json.load(file)
                board.update(start=start, end=end, step=STEP)
                for panel in board["panels"]:
                    panel["results"] = [
                        {"target": target,
                         "result": answers(prometheus, target["expr"], start, end)}
                        for target in panel["targets"]]
                draw(board, os.path.join(pictures, "board-" + name[:-5] + ".png"), folder)


if __name__ == "__main__":
    main()
