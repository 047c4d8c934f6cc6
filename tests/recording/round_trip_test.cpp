// SPDX-License-Identifier: Apache-2.0
// What was written is read back: requests, threads, the capture's description,
// losses; from a file and from a pipe.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <thread>

#include "recording_files.h"

namespace fusetrace::test {
namespace {

TEST(Recording, RequestsComeBackInOrder) {
  TemporaryDirectory directory;
  const auto requests = workload_requests(50'000);
  write_recording(directory.file("r.rec"), requests);
  const Contents contents = read_recording(directory.file("r.rec"));
  EXPECT_FALSE(contents.error);
  EXPECT_EQ(contents.truncation, "");
  EXPECT_FALSE(contents.trailing_bytes);
  EXPECT_EQ(contents.requests_total, requests.size());
  EXPECT_TRUE(same(contents.requests, requests));
}

TEST(Recording, WithoutRequestsIsWhole) {
  TemporaryDirectory directory;
  write_recording(directory.file("r.rec"), {});
  const Contents contents = read_recording(directory.file("r.rec"));
  EXPECT_FALSE(contents.error);
  EXPECT_EQ(contents.truncation, "");
  EXPECT_EQ(contents.requests_total, 0u);
  EXPECT_EQ(contents.requests.size(), 0u);
}

TEST(Recording, RequestIsAtMostThirtyBytes) {
  TemporaryDirectory directory;
  const auto requests = workload_requests(100'000);
  write_recording(directory.file("r.rec"), requests);
  EXPECT_LE(std::filesystem::file_size(directory.file("r.rec")), 30 * requests.size());
}

TEST(Recording, DescriptionComesBackWhole) {
  TemporaryDirectory directory;
  CaptureInfo info = Workload().info();
  info.command_line = {"fio", "--name=a b", "\"quoted\"\n"};
  info.filters = {"--opcode GETATTR", "--pid 7"};
  info.sample_n = 16;
  info.realtime_offset_ns = -5;
  info.boottime_offset_ns = 77;
  info.topology.add({8, 4, 2, 1, false});
  info.connections[39].server_threads = -1;
  const std::string path = directory.file("r.rec");
  auto writer = RecordingWriter::create(path, info);
  ASSERT_TRUE(writer);
  info.end_ns = info.start_ns + 17;
  ASSERT_TRUE(writer->finish(info));

  const CaptureInfo read = read_recording(path).info;
  EXPECT_EQ(read.kernel, info.kernel);
  EXPECT_EQ(read.machine, info.machine);
  EXPECT_EQ(read.hostname, info.hostname);
  EXPECT_EQ(read.fusetrace_version, info.fusetrace_version);
  EXPECT_EQ(read.command_line, info.command_line);
  EXPECT_EQ(read.filters, info.filters);
  EXPECT_EQ(read.start_ns, info.start_ns);
  EXPECT_EQ(read.end_ns, info.end_ns);
  EXPECT_EQ(read.realtime_offset_ns, -5);
  EXPECT_EQ(read.boottime_offset_ns, 77);
  EXPECT_EQ(read.sample_n, 16u);
  ASSERT_EQ(read.topology.cpus().size(), 9u);
  EXPECT_FALSE(read.topology.cpus()[8].online);
  EXPECT_EQ(read.topology.cpus()[8].core, 4u);
  EXPECT_EQ(read.topology.cpus()[8].llc, 2u);
  EXPECT_EQ(read.topology.cpus()[8].node, 1u);
  ASSERT_EQ(read.probes.size(), info.probes.size());
  for (size_t i = 0; i < info.probes.size(); i++) {
    EXPECT_EQ(read.probes[i].point, info.probes[i].point);
    EXPECT_EQ(read.probes[i].hook, info.probes[i].hook);
    EXPECT_EQ(read.probes[i].reason, info.probes[i].reason);
  }
  ASSERT_EQ(read.connections.size(), info.connections.size());
  for (const auto& [id, c] : info.connections) {
    const Connection& r = read.connections.at(id);
    EXPECT_EQ(r.id, id);
    EXPECT_EQ(r.mount, c.mount);
    EXPECT_EQ(r.fstype, c.fstype);
    EXPECT_EQ(r.source, c.source);
    EXPECT_EQ(r.server_comm, c.server_comm);
    EXPECT_EQ(r.server_tgid, c.server_tgid);
    EXPECT_EQ(r.server_threads, c.server_threads);
    EXPECT_EQ(r.transport, c.transport);
    EXPECT_EQ(r.waiting, c.waiting);
    EXPECT_EQ(r.max_background, c.max_background);
    EXPECT_EQ(r.congestion_threshold, c.congestion_threshold);
  }
}

TEST(Recording, NamesThatAreNotUtf8DoNotStopIt) {
  TemporaryDirectory directory;
  CaptureInfo info;
  info.connections[1].mount = "/mnt/\xff\xfe";
  auto writer = RecordingWriter::create(directory.file("r.rec"), info);
  ASSERT_TRUE(writer);
  ASSERT_TRUE(writer->finish(info));
  EXPECT_EQ(read_recording(directory.file("r.rec")).info.connections.at(1).mount.substr(0, 5),
            "/mnt/");
}

TEST(Recording, TheLastNameOfAThreadHolds) {
  TemporaryDirectory directory;
  auto writer = RecordingWriter::create(directory.file("r.rec"), {});
  ASSERT_TRUE(writer);
  ASSERT_TRUE(writer->append_tasks(std::vector{make_task(7, 7, "bash"), make_task(8, 7, "x")}));
  ASSERT_TRUE(writer->flush());
  ASSERT_TRUE(writer->append_tasks(std::vector{make_task(7, 7, "sixteen-bytes-ok")}));
  ASSERT_TRUE(writer->finish({}));
  const auto tasks = read_recording(directory.file("r.rec")).tasks;
  ASSERT_EQ(tasks.size(), 2u);
  EXPECT_EQ(std::string(tasks.at(7).comm, FT_COMM_LEN), "sixteen-bytes-ok");
  EXPECT_EQ(tasks.at(8).tgid, 7u);
}

TEST(Recording, NamesComeBeforeTheRequestsThatNeedThem) {
  TemporaryDirectory directory;
  auto writer = RecordingWriter::create(directory.file("r.rec"), {});
  ASSERT_TRUE(writer);
  ASSERT_TRUE(writer->append(std::vector{make_request()}));
  ASSERT_TRUE(writer->append_tasks(std::vector{make_task(1001, 1001, "client")}));
  ASSERT_TRUE(writer->finish({}));
  auto reader = RecordingReader::open(directory.file("r.rec"));
  ASSERT_TRUE(reader);
  RecordingReader::Block block;
  while (*reader->next(block) && block.requests.empty()) continue;
  ASSERT_EQ(block.requests.size(), 1u);
  EXPECT_EQ(reader->tasks().count(1001), 1u);
}

TEST(Recording, LossesGoWithTheBlockAfterThem) {
  TemporaryDirectory directory;
  auto writer = RecordingWriter::create(directory.file("r.rec"), {});
  ASSERT_TRUE(writer);
  Losses losses;
  losses.lost[FT_LOSS_RING_FULL] = 3;
  losses.incomplete[FT_INCOMPLETE_BEFORE_START] = 1;
  writer->set_losses(losses);
  ASSERT_TRUE(writer->append(std::vector{make_request()}));
  ASSERT_TRUE(writer->flush());
  losses.lost[FT_LOSS_RING_FULL] = 10;
  losses.lost[FT_LOSSES - 1] = 1ull << 40;
  writer->set_losses(losses);
  ASSERT_TRUE(writer->append(std::vector{make_request()}));
  ASSERT_TRUE(writer->flush());
  losses.incomplete[FT_INCOMPLETE_UNANSWERED] = 5;  // nothing but losses
  writer->set_losses(losses);
  ASSERT_TRUE(writer->finish({}));

  auto reader = RecordingReader::open(directory.file("r.rec"));
  ASSERT_TRUE(reader);
  RecordingReader::Block block;
  ASSERT_TRUE(*reader->next(block));
  EXPECT_EQ(block.losses.lost[FT_LOSS_RING_FULL], 3u);
  EXPECT_EQ(block.losses.total_lost(), 3u);
  EXPECT_EQ(block.losses.total_incomplete(), 1u);
  ASSERT_TRUE(*reader->next(block));
  EXPECT_EQ(block.losses.lost[FT_LOSS_RING_FULL], 7u);
  EXPECT_EQ(reader->losses().lost[FT_LOSS_RING_FULL], 10u);
  while (*reader->next(block)) continue;
  EXPECT_EQ(std::memcmp(&reader->losses(), &losses, sizeof(losses)), 0);
}

TEST(Recording, ConnectionsThatComeLaterAreAdded) {
  TemporaryDirectory directory;
  CaptureInfo info = Workload().info();
  auto writer = RecordingWriter::create(directory.file("r.rec"), info);
  ASSERT_TRUE(writer);
  Connection late;
  late.id = 77;
  late.mount = "/mnt/late";
  ASSERT_TRUE(writer->update_connections({{77, late}}));
  // Never finished: the reader has the header and what followed.
  const Contents contents = read_recording(directory.file("r.rec"));
  EXPECT_NE(contents.truncation, "");
  EXPECT_EQ(contents.info.connections.size(), info.connections.size() + 1);
  EXPECT_EQ(contents.info.connections.at(77).mount, "/mnt/late");
  EXPECT_EQ(contents.info.connections.at(39).mount, info.connections.at(39).mount);
}

TEST(Recording, TheEndIsKnownBeforeTheBlocksAreRead) {
  TemporaryDirectory directory;
  write_recording(directory.file("r.rec"), workload_requests(10'000));
  auto reader = RecordingReader::open(directory.file("r.rec"));
  ASSERT_TRUE(reader);
  EXPECT_EQ(reader->requests_total(), 10'000u);
  EXPECT_NE(reader->info().end_ns, 0u);
  EXPECT_EQ(reader->bytes_total(), std::filesystem::file_size(directory.file("r.rec")));
  RecordingReader::Block block;
  while (*reader->next(block)) continue;
  EXPECT_NE(reader->info().end_ns, 0u);
  EXPECT_EQ(reader->bytes_read(), reader->bytes_total());
}

TEST(Recording, IndexNamesEveryBlock) {
  TemporaryDirectory directory;
  const auto requests = workload_requests(3 * format::entries_per_index);
  write_recording(directory.file("r.rec"), requests, 1);  // several index blocks
  auto reader = RecordingReader::open(directory.file("r.rec"));
  ASSERT_TRUE(reader);
  const auto index = reader->index();
  ASSERT_TRUE(index) << index.error().message;
  uint64_t count = 0;
  const Bytes bytes = read_bytes(directory.file("r.rec"));
  for (const format::IndexEntry& entry : *index) {
    format::BlockPrefix prefix;
    ASSERT_LE(entry.offset + sizeof(prefix), bytes.size());
    std::memcpy(&prefix, bytes.data() + entry.offset, sizeof(prefix));
    ASSERT_EQ(prefix.magic, format::block_magic);
    ASSERT_EQ(prefix.type, entry.type);
    ASSERT_EQ(prefix.count, entry.count);
    ASSERT_EQ(prefix.first_ns, entry.first_ns);
    if (entry.type == static_cast<uint16_t>(format::BlockType::requests)) count += entry.count;
  }
  EXPECT_EQ(count, requests.size());
  EXPECT_TRUE(std::is_sorted(index->begin(), index->end(),
                             [](const auto& a, const auto& b) { return a.offset < b.offset; }));
  EXPECT_TRUE(same(read_recording(directory.file("r.rec")).requests, requests));
}

TEST(Recording, ReadsFromAPipe) {
  TemporaryDirectory directory;
  const auto requests = workload_requests(20'000);
  write_recording(directory.file("r.rec"), requests);
  const Bytes bytes = read_bytes(directory.file("r.rec"));
  const std::string fifo = directory.file("fifo");
  ASSERT_EQ(mkfifo(fifo.c_str(), 0600), 0);
  // Odd pieces, so that no read gets what it asks for at once.
  std::thread feeder([&] {
    const int fd = open(fifo.c_str(), O_WRONLY);
    for (size_t at = 0; at < bytes.size();) {
      const ssize_t n = write(fd, bytes.data() + at, std::min<size_t>(bytes.size() - at, 999));
      if (n <= 0) break;
      at += static_cast<size_t>(n);
    }
    close(fd);
  });
  const Contents contents = read_recording(fifo);
  feeder.join();
  EXPECT_FALSE(contents.error);
  EXPECT_EQ(contents.truncation, "");
  EXPECT_NE(contents.info.end_ns, 0u);
  EXPECT_TRUE(same(contents.requests, requests));
}

TEST(Recording, KeepsTheFileThatWasThere) {
  TemporaryDirectory directory;
  write_bytes(directory.file("r.rec"), {'o', 'l', 'd'});
  write_recording(directory.file("r.rec"), workload_requests(10));
  EXPECT_EQ(read_bytes(directory.file("r.rec.old")), (Bytes{'o', 'l', 'd'}));
  EXPECT_EQ(read_recording(directory.file("r.rec")).requests.size(), 10u);
}

TEST(Recording, UnwritablePlacesAreNamed) {
  TemporaryDirectory directory;
  const auto no_folder = RecordingWriter::create(directory.file("none/r.rec"), {});
  ASSERT_FALSE(no_folder);
  EXPECT_NE(no_folder.error().message.find("none/r.rec: No such file or directory"),
            std::string::npos);
  const auto a_folder = RecordingWriter::create(directory.file(""), {});
  ASSERT_FALSE(a_folder);
}

TEST(Recording, FullDiskIsAnErrorFromThenOn) {
  if (access("/dev/full", W_OK) != 0) GTEST_SKIP() << "/dev/full is not there";
  const auto writer = RecordingWriter::create("/dev/full", {});
  ASSERT_FALSE(writer);
  EXPECT_NE(writer.error().message.find("No space left on device"), std::string::npos);
}

}  // namespace
}  // namespace fusetrace::test
