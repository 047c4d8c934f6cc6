#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""scripts/check-includes names each include that a folder may not have, and no other."""

import contextlib
import importlib.machinery
import importlib.util
import io
import pathlib
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
FOLDERS = ["system", "model", "recording", "views", "bench", "capture", "commands"]


def load(path):
    loader = importlib.machinery.SourceFileLoader("check_includes", str(path))
    module = importlib.util.module_from_spec(
        importlib.util.spec_from_loader("check_includes", loader))
    loader.exec_module(module)
    return module


check_includes = load(ROOT / "scripts/check-includes")


def check(root):
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        status = check_includes.check(root)
    return status, said.getvalue()


class CheckIncludes(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(prefix="fusetrace-includes-")
        self.root = pathlib.Path(self.folder.name)
        for folder in FOLDERS:
            (self.root / "src" / folder).mkdir(parents=True)
        (self.root / "bpf").mkdir()
        (self.root / "bpf/fusetrace.h").touch()

    def tearDown(self):
        self.folder.cleanup()

    def include(self, folder, *headers):
        text = "// a comment\n" + "".join(f"#include {header}\n" for header in headers)
        (self.root / "src" / folder / "thing.cpp").write_text(text)

    def test_the_sources_of_this_checkout_keep_to_the_table(self):
        self.assertEqual(check(ROOT), (0, ""))

    def test_what_a_folder_may_include_is_let_through(self):
        self.include("system", "<vector>", "<unistd.h>", "<sys/eventfd.h>", '"system/clock.h"')
        self.include("model", "<cstdint>", '"fusetrace.h"', '"model/error.h"',
                     "<tl/expected.hpp>", "<boost/math/special_functions/beta.hpp>")
        self.include("views", "<fmt/format.h>", '"model/snapshot.h"', '"system/cpu_list.h"',
                     '"views/text/table.h"')
        self.include("bench", "<linux/fuse.h>", "<liburing.h>", '"model/error.h"')
        self.include("capture", "<bpf/libbpf.h>", '"fusetrace.skel.h"', "<sys/mman.h>")
        self.include("commands", '"bench/bench.h"', "<CLI/CLI.hpp>", "<curses.h>")
        self.assertEqual(check(self.root), (0, ""))

    def test_each_forbidden_edge_is_named_with_its_line(self):
        forbidden = [
            ("system", '"model/error.h"'), ("system", '"fusetrace.h"'), ("system", "<fmt/format.h>"),
            ("model", "<unistd.h>"), ("model", '"system/clock.h"'), ("model", '"views/text/table.h"'),
            ("model", "<fmt/format.h>"), ("recording", '"capture/tracer.h"'),
            ("recording", '"views/text/table.h"'), ("views", '"recording/reader.h"'),
            ("views", '"capture/tracer.h"'), ("views", "<unistd.h>"), ("views", '"system/clock.h"'),
            ("bench", '"model/histogram.h"'), ("bench", '"capture/tracer.h"'),
            ("bench", '"fusetrace.h"'), ("capture", '"commands/commands.h"'),
            ("capture", '"recording/writer.h"'), ("capture", "<spdlog/spdlog.h>"),
            ("capture", "<nlohmann/json.hpp>"), ("commands", "<bpf/libbpf.h>"),
            ("commands", '"fusetrace.skel.h"'), ("commands", "<zstd.h>"),
        ]
        for folder, header in forbidden:
            with self.subTest(folder=folder, header=header):
                self.include(folder, "<string>", header)
                self.assertEqual(check(self.root), (1, f"src/{folder}/thing.cpp:3: src/{folder}/ may "
                                 f"not include {header} (docs/architecture.md, "
                                 "Folders)\n"))
                (self.root / "src" / folder / "thing.cpp").unlink()

    def test_a_folder_that_the_table_does_not_have_is_refused(self):
        (self.root / "src/utils").mkdir()
        status, said = check(self.root)
        self.assertEqual(status, 1)
        self.assertIn("src/utils", said)


if __name__ == "__main__":
    unittest.main()
