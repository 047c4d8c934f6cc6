#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Opens the page of `fusetrace report --html` in a real browser, on a phone and
on a desktop, light, dark and on paper, and holds what it shows against
`fusetrace report --json` of the same recording.

usage: check_page.py GENERATE_RECORDING FUSETRACE [RECORDING…]
With RECORDING, those are checked and nothing is generated. FUSETRACE_PICTURES
names a folder to leave a picture of every page in.
"""

import json
import os
import subprocess
import sys
import tempfile

from browser import Browser

SIZES = {"phone": (390, 844), "desktop": (1280, 900)}
DISTANCES = ["same_cpu", "same_core", "same_llc", "same_node", "cross_node", "unknown"]

# What a reader of the page would see of each chart. An element counts as drawn
# when it has an extent and a colour that is not that of the page.
LOOK = """
const page = getComputedStyle(document.body).backgroundColor;
const drawn = (element) => {
  const box = element.getBBox();
  const style = getComputedStyle(element);
  return box.width + box.height > 0 && style.fill !== page && style.fill !== 'none';
};
const chart = (id) => {
  const section = document.getElementById(id);
  if (!section) return null;
  const svg = section.querySelector('.chart svg');
  if (!svg) return {svg: false};
  const box = svg.viewBox.baseVal;
  const clipped = [...svg.querySelectorAll('text')].filter((text) => {
    const at = text.getBBox();
    return at.x < -1 || at.y < -1 || at.x + at.width > box.width + 1 || at.y + at.height > box.height + 1;
  }).map((text) => text.textContent);
  const texts = [...svg.querySelectorAll('text')].map((text) => [text.textContent, text.getBBox()]);
  const overlapping = [];
  texts.forEach(([a, p], i) => texts.slice(i + 1).forEach(([b, q]) => {
    if (p.x + 1 < q.x + q.width && q.x + 1 < p.x + p.width &&
        p.y + 3 < q.y + q.height && q.y + 3 < p.y + p.height) overlapping.push(`${a} | ${b}`);
  }));
  const wrong = [...svg.querySelectorAll('*')].filter((element) =>
    [...element.attributes].some((attribute) => /NaN|undefined|Infinity/.test(attribute.value)));
  const count = (selector) => [...svg.querySelectorAll(selector)].filter(drawn).length;
  return {svg: true, width: box.width, height: box.height, clipped, overlapping,
          wrong: wrong.map((element) => element.outerHTML),
          areas: count('path.area'), lines: svg.querySelectorAll('path.line').length,
          cells: svg.querySelectorAll('rect.cell').length,
          colours: new Set([...svg.querySelectorAll('rect.cell')].map((c) => getComputedStyle(c).fill)).size,
          ribbons: count('path.ribbon'), nodes: count('rect.node')};
};
const rows = (id) => {
  const section = document.getElementById(id);
  return section && [...section.querySelectorAll('tbody tr')].map((row) =>
    [...row.children].map((cell) => cell.textContent));
};
const root = document.documentElement;
return {
  drawn: root.dataset.drawn, width: root.scrollWidth, window: innerWidth,
  requests: performance.getEntriesByType('resource').map((entry) => entry.name),
  background: page, ink: getComputedStyle(document.body).color,
  tiles: Object.fromEntries([...document.querySelectorAll('.tile')].map((tile) =>
    [tile.querySelector('.name').textContent, tile.querySelector('.value').textContent])),
  findings: [...document.querySelectorAll('#findings li')].map((item) => item.textContent),
  warnings: [...document.querySelectorAll('.warning')].map((p) => p.textContent),
  charts: Object.fromEntries(['time', 'matrix-request', 'matrix-reply', 'latency', 'stages', 'flow']
    .map((id) => [id, chart(id)])),
  tables: Object.fromEntries(['hops', 'pickup', 'stages', 'opcodes', 'connections', 'clients', 'servers']
    .map((id) => [id, rows(id)])),
};
"""

SORT = """
const [id, column] = arguments;
const head = document.querySelectorAll(`#${id} th`)[column];
head.querySelector('button').click();
return [head.getAttribute('aria-sort'), [...document.querySelectorAll(`#${id} tbody tr`)].map((row) =>
  row.children[column].textContent)];
"""


class Page:
    """One page as it was shown once, with the report that it must agree with."""

    def __init__(self, name, seen, report):
        self.name = name
        self.seen = seen
        self.report = report

    def fail(self, message):
        sys.exit(f"{self.name}: {message}")

    def equal(self, what, got, expected):
        if got != expected:
            self.fail(f"{what}: {got!r}, expected {expected!r}")

    def chart(self, name, **least):
        chart = self.seen["charts"][name]
        if not chart or not chart["svg"]:
            self.fail(f"{name}: no chart")
        for key in ("clipped", "overlapping", "wrong"):
            if chart[key]:
                self.fail(f"{name}: {key}: {chart[key][:4]}")
        for key, count in least.items():
            if chart[key] < count:
                self.fail(f"{name}: {chart[key]} {key}, expected {count}")
        return chart

    def check(self):
        self.equal("drawn", self.seen["drawn"], "yes")
        if self.seen["width"] > self.seen["window"]:
            self.fail(f"{self.seen['width']} pixels wide in a window of {self.seen['window']}")
        self.equal("resources loaded", self.seen["requests"], [])
        self.equal("findings", self.seen["findings"], self.report["findings"])
        self.equal("warned of truncation", any("ends early" in w for w in self.seen["warnings"]),
                   self.report["truncated"])
        if self.report["requests"]:
            self.check_figures()
            self.check_charts()

    def check_figures(self):
        report, tiles = self.report, self.seen["tiles"]
        self.equal("requests", tiles["Requests"], str(report["requests"]))
        hops = report["hops"]["request"]
        known = sum(hops.values()) - hops["unknown"]
        share = 100 * hops["same_cpu"] / known
        shown = tiles["Same CPU, request hop"]
        if 0.05 <= share < 99.95 and shown != f"{share:.1f} %":
            self.fail(f"same CPU: {shown}, expected {share:.1f} %")
        tables = self.seen["tables"]
        self.equal(
            "hop table",
            {(row[0], row[2]) for row in tables["hops"]},
            {(hop, str(n)) for hop in ("request", "reply") for n in report["hops"][hop].values() if n},
        )
        self.equal(
            "pickups",
            {row[0]: row[1] for row in tables["pickup"]},
            {name: str(n) for name, n in report["pickup"].items() if n},
        )
        self.equal(
            "opcodes",
            {row[0]: row[1] for row in tables["opcodes"]},
            {name: str(group["requests"]) for name, group in report["opcodes"].items()},
        )
        self.equal("connections", len(tables["connections"]), len(report["connections"]))
        for side in ("clients", "servers"):
            self.equal(
                side,
                sorted(row[4] for row in tables[side]),
                sorted(str(group["requests"]) for group in report[f"{side[:-1]}_groups"]),
            )

    def check_charts(self):
        report = self.report
        used = [d for d in DISTANCES if d in report["hop_latency"]["request"]]
        stages = [s for s in report["stages"].values() if s["count"]]
        self.equal("rows by distance", self.chart("latency")["areas"], len(used))
        self.equal("rows by stage", self.chart("stages")["areas"], len(stages))
        cpus = len(report["cpu_matrix"]["cpus"])
        for name, key in (("request", "cpu_matrix"), ("reply", "reply_cpu_matrix")):
            chart = self.chart(f"matrix-{name}")
            self.equal(f"cells of matrix-{name}", chart["cells"], min(cpus, 64) ** 2)
            counts = {n for row in report[key]["requests"] for n in row}
            if cpus <= 64 and min(len(counts), 2) > chart["colours"]:
                self.fail(f"matrix-{name}: one colour for {len(counts)} counts")
        woken = sum(report["wakeups"]["server"][k] for k in ("kept", "pulled", "moved"))
        if woken:
            self.chart("flow", ribbons=2, nodes=3)
        if len(report["intervals"]["list"]) >= 3:
            self.chart("time", areas=1, lines=3)


def check_sorting(browser, name):
    """A click on a column sorts by it, a second one the other way round."""
    (first, down), (second, up) = (browser.run(SORT, "clients", 1) for _ in range(2))
    numbers = [int(text) for text in down]
    if (first, second) != ("descending", "ascending"):
        sys.exit(f"{name}: sorted {first}, then {second}")
    if numbers != sorted(numbers, reverse=True) or [int(t) for t in up] != sorted(numbers):
        sys.exit(f"{name}: the table does not sort")


def check_tip(browser, name):
    """Pointing at a cell of the heat map shows its figures."""
    text = browser.run(
        "const cell = document.querySelector('#matrix-request rect.cell');"
        "cell.dispatchEvent(new PointerEvent('pointermove', {clientX: 5, clientY: 5}));"
        "const tip = document.getElementById('tip');"
        "return tip.hidden ? '' : tip.textContent;"
    )
    if "requests" not in text:
        sys.exit(f"{name}: no tip on the heat map: {text!r}")


def check(browser, fusetrace, recording, directory):
    report = json.loads(
        subprocess.run([fusetrace, "report", "--json", recording], check=True, stdout=subprocess.PIPE).stdout
    )
    page = os.path.join(directory, os.path.basename(recording) + ".html")
    subprocess.run([fusetrace, "report", "--html", page, recording], check=True)
    pictures = os.environ.get("FUSETRACE_PICTURES")
    backgrounds = {}
    for size, (width, height) in SIZES.items():
        for scheme in ("light", "dark"):
            name = f"{os.path.basename(recording)} {size} {scheme}"
            browser.show(page, width, height, scheme)
            shown = Page(name, browser.run(LOOK), report)
            shown.equal("console", browser.console(), [])
            shown.check()
            backgrounds[scheme] = shown.seen["background"]
            if pictures:
                browser.picture(os.path.join(pictures, name.replace(" ", "-") + ".png"))
    if backgrounds["light"] == backgrounds["dark"]:
        sys.exit(f"{page}: dark is {backgrounds['dark']} too")
    if report["requests"]:
        check_sorting(browser, recording)
        check_tip(browser, recording)

    # On paper it is as wide as the paper, light, and every chart is still there.
    browser.show(page, 720, 1000, "dark", media="print")
    paper = Page(f"{os.path.basename(recording)} paper", browser.run(LOOK), report)
    paper.check()
    paper.equal("background", paper.seen["background"], backgrounds["light"])
    pdf = browser.pdf()
    pages = pdf.count(b"/Type /Page\n") + pdf.count(b"/Type /Page ")
    if not pdf.startswith(b"%PDF") or not 1 <= pages <= 12:
        sys.exit(f"{recording}: {pages} printed pages")
    print(f"{os.path.basename(recording)}: {report['requests']} requests, {pages} printed pages")


def generate(program, directory):
    made = []
    for name, options in (
        ("small", ["--requests", "60000", "--cpus", "2", "--connections", "1", "--clients", "4"]),
        ("usual", ["--requests", "40000", "--cpus", "16", "--clients", "20"]),
        ("large", ["--requests", "20000", "--cpus", "256", "--clients", "90", "--connections", "12"]),
        ("empty", ["--requests", "0"]),
    ):
        path = os.path.join(directory, name)
        subprocess.run([program, path, *options], check=True, stderr=subprocess.DEVNULL)
        made.append(path)
    cut = os.path.join(directory, "cut")
    with open(made[1], "rb") as whole, open(cut, "wb") as part:
        part.write(whole.read(os.path.getsize(made[1]) * 2 // 3))
    return made + [cut]


def main():
    program, fusetrace, *recordings = sys.argv[1:]
    with tempfile.TemporaryDirectory() as directory, Browser() as browser:
        for recording in recordings or generate(program, directory):
            check(browser, fusetrace, recording, directory)


main()
