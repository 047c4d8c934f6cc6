# SPDX-License-Identifier: Apache-2.0
"""A headless Chromium, driven by chromedriver over plain HTTP (W3C WebDriver and
the DevTools commands that chromedriver passes on)."""

import base64
import json
import os
import re
import shutil
import subprocess
import tempfile
import urllib.error
import urllib.request

SECONDS = 120  # for one command, on a machine busy with other tests


class Browser:
    """Use as a context manager: the browser is gone when the block is left."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="fusetrace-browser-")
        # It prints the port that it was given.
        self.driver = subprocess.Popen(
            ["chromedriver", "--port=0"],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, "HOME": self.folder, "TMPDIR": self.folder},
        )
        self.session = None
        try:
            self.base = f"http://127.0.0.1:{self.read_port()}"
            self.open_session()
        except BaseException:
            self.close()
            raise

    def read_port(self):
        for line in self.driver.stdout:
            found = re.search(r"started successfully on port (\d+)", line)
            if found:
                return int(found.group(1))
        raise RuntimeError("chromedriver did not start")

    def open_session(self):
        arguments = [
            "--headless=new",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--hide-scrollbars",
            "--no-first-run",
            f"--user-data-dir={self.folder}/profile",
        ]
        if os.geteuid() == 0:
            arguments.append("--no-sandbox")  # which root cannot have
        answer = self.call(
            "POST",
            "/session",
            {
                "capabilities": {
                    "alwaysMatch": {
                        "browserName": "chrome",
                        "goog:chromeOptions": {"args": arguments},
                        "goog:loggingPrefs": {"browser": "ALL"},
                    }
                }
            },
        )
        self.session = answer["sessionId"]

    def call(self, method, path, body=None):
        request = urllib.request.Request(
            self.base + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=SECONDS) as response:
                return json.load(response)["value"]
        except urllib.error.HTTPError as error:
            raise RuntimeError(f"{path}: {error.read().decode()[:2000]}") from error

    def command(self, name, body):
        return self.call("POST", f"/session/{self.session}/{name}", body)

    def devtools(self, name, **parameters):
        return self.command("goog/cdp/execute", {"cmd": name, "params": parameters})

    def show(self, path, width, height, scheme="light", media="", scale=1):
        """Opens a file in a window of that size, given in CSS pixels."""
        self.devtools(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=scale,
            mobile=width < 600,
        )
        self.devtools(
            "Emulation.setEmulatedMedia",
            media=media,
            features=[{"name": "prefers-color-scheme", "value": scheme}],
        )
        self.command("url", {"url": "file://" + os.path.abspath(path)})

    def run(self, script, *arguments):
        """The value that the script returns."""
        return self.command("execute/sync", {"script": script, "args": list(arguments)})

    def console(self):
        """What was logged since the last call, but for the browser's own pages."""
        messages = [entry["message"] for entry in self.command("se/log", {"type": "browser"})]
        return [message for message in messages if not message.startswith("chrome")]

    def picture(self, path, selector=None):
        """A PNG of the whole page, or of one element of it."""
        box = self.run(
            "const e = arguments[0] ? document.querySelector(arguments[0]) : document.documentElement;"
            "const b = e.getBoundingClientRect();"
            "return arguments[0] ? [b.x + scrollX, b.y + scrollY, b.width, b.height]"
            " : [0, 0, innerWidth, e.scrollHeight];",
            selector,
        )
        margin = 12 if selector else 0
        clip = dict(
            x=max(0, box[0] - margin),
            y=max(0, box[1] - margin),
            width=box[2] + 2 * margin,
            height=box[3] + 2 * margin,
            scale=1,
        )
        answer = self.devtools(
            "Page.captureScreenshot", format="png", clip=clip, captureBeyondViewport=True
        )
        with open(path, "wb") as file:
            file.write(base64.b64decode(answer["data"]))

    def pdf(self):
        return base64.b64decode(self.devtools("Page.printToPDF", paperWidth=8.27, paperHeight=11.69)["data"])

    def close(self):
        try:
            if self.session is not None:
                self.call("DELETE", f"/session/{self.session}")
        finally:
            self.driver.terminate()
            self.driver.wait()
            self.driver.stdout.close()
            shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
