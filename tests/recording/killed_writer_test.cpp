// SPDX-License-Identifier: Apache-2.0
// A writer that is killed leaves a file that reads to its last whole block.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "recording_files.h"

namespace fusetrace::test {
namespace {

// Writes without end until it is killed; says on the pipe after each flush how
// many requests it has handed over by then.
[[noreturn]] void write_forever(const std::string& path, int pipe_fd) {
  Workload workload;
  auto writer = RecordingWriter::create(path, workload.info());
  std::vector<ft_request> batch(777);
  while (writer) {
    workload.next(batch);
    if (!writer->append(batch) || !writer->flush()) break;
    const uint64_t written = writer->requests_appended();
    if (write(pipe_fd, &written, sizeof(written)) != sizeof(written)) break;
  }
  _exit(1);
}

TEST(KilledWriter, FileReadsToItsLastBlock) {
  for (int round = 0; round < 5; round++) {
    TemporaryDirectory directory;
    const std::string path = directory.file("r.rec");
    int ends[2];
    ASSERT_EQ(pipe(ends), 0);
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) write_forever(path, ends[1]);
    close(ends[1]);
    uint64_t written = 0;
    while (written < 20'000u + 5'000u * round)
      ASSERT_EQ(read(ends[0], &written, sizeof(written)), static_cast<ssize_t>(sizeof(written)));
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
    // What it still said before it died.
    while (read(ends[0], &written, sizeof(written)) == sizeof(written)) continue;
    close(ends[0]);

    const Contents contents = read_recording(path);
    EXPECT_FALSE(contents.error);
    EXPECT_GE(contents.requests.size(), written);
    EXPECT_TRUE(is_beginning(contents.requests, workload_requests(contents.requests.size())));
    EXPECT_NE(contents.truncation.find("cut off after " + std::to_string(contents.requests.size()) +
                                       " requests"),
              std::string::npos)
        << contents.truncation;
    EXPECT_EQ(contents.info.end_ns, 0u);
    EXPECT_EQ(contents.requests_total, std::nullopt);
  }
}

}  // namespace
}  // namespace fusetrace::test
