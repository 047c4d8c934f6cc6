// SPDX-License-Identifier: Apache-2.0
// A file system that is not ours: bindfs, multi-threaded, whose debug log (of
// libfuse, one line a message) is the independent witness.
#include <filesystem>
#include <fstream>
#include <regex>

#include "capture_fixture.h"
#include "model/opcode.h"

namespace fusetrace::test {
namespace {

// "unique: 8, opcode: GETATTR (3), nodeid: 1, insize: 56, pid: 4711"
std::map<std::string, uint64_t> messages_in(const std::string& log) {
  std::map<std::string, uint64_t> out;
  const std::regex message("^unique: [0-9]+, opcode: [^ ]+ \\(([0-9]+)\\), nodeid: ");
  std::ifstream in(log);
  std::smatch found;
  for (std::string line; std::getline(in, line);) {
    if (std::regex_search(line, found, message)) {
      ++out[opcode_name(static_cast<uint32_t>(std::stoul(found[1])))];
    }
  }
  return out;
}

bool installed(const std::string& program) {
  return run({"sh", "-c", "command -v " + program}).status == 0;
}

class Bindfs : public Capture {
 protected:
  void SetUp() override {
    Capture::SetUp();
    if (!IsSkipped() && !installed("bindfs")) GTEST_SKIP() << "needs bindfs";
  }

  // Records a shell command that runs in the mount, from the mount itself to the
  // server's end; expects both to agree on every opcode.
  void expect_agreement(const std::string& command) {
    make_directory("source");
    const std::string mount = make_directory("mnt");
    const std::string script =
        "bindfs -d --multithreaded source mnt 2>log >/dev/null & server=$!\n"
        "tries=0\n"
        "until grep -q ' " +
        mount +
        " fuse' /proc/self/mounts; do\n"
        "  tries=$((tries + 1)); [ $tries -lt 200 ] || exit 99; sleep 0.05\n"
        "done\n"
        "(cd mnt && " +
        command +
        ") >out 2>&1; status=$?\n"
        "umount " +
        mount + "; wait $server; exit $status\n";
    const Result result = run(fusetrace({"record", "-o", recording_, "--", "sh", "-c",
                                         "cd " + path("") + " || exit 98\n" + script}));
    std::stringstream output;
    output << std::ifstream(path("out")).rdbuf();
    ASSERT_EQ(result.status, 0) << result.err << output.str();

    const Json connections = report().at("connections");
    uint32_t connection = 0;
    for (const auto& [number, one] : connections.items()) {
      if (one.at("mount") == mount) connection = static_cast<uint32_t>(std::stoul(number));
    }
    ASSERT_NE(connection, 0u) << mount << " is not in " << connections;
    const Json seen = report(connection);
    const auto witnessed = messages_in(path("log"));
    EXPECT_GT(witnessed.size(), 5u);
    EXPECT_EQ(opcode_counts(seen), witnessed);
    EXPECT_TRUE(nothing_lost(seen));
  }
};

TEST_F(Bindfs, GitCloneAgreesWithItsDebugLog) {
  if (!installed("git")) GTEST_SKIP() << "needs git";
  const std::string origin = make_directory("origin");
  const std::string make =
      "cd " + origin +
      " && git init -q . && for i in $(seq 100); do seq $((i * 50)) >file$i; done"
      " && git add . && git -c user.name=t -c user.email=t@localhost commit -q -m files";
  ASSERT_EQ(run({"sh", "-c", make}).status, 0);
  expect_agreement("git clone -q --no-hardlinks " + origin + " clone && git -C clone status -s");
}

TEST_F(Bindfs, FioAgreesWithItsDebugLog) {
  if (!installed("fio")) GTEST_SKIP() << "needs fio";
  expect_agreement(
      "fio --name=t --rw=randrw --bs=4k --size=4m --numjobs=4 --ioengine=psync --fsync=64");
}

}  // namespace
}  // namespace fusetrace::test
