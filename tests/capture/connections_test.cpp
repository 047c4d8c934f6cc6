// SPDX-License-Identifier: Apache-2.0
// Mount tables as the kernel prints them.
#include "capture/connections.h"

#include <gtest/gtest.h>

#include <sstream>

namespace fusetrace {
namespace {

TEST(Mountinfo, KeepsFuseMountsAndNothingElse) {
  std::istringstream in(
      "24 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n"
      "40 24 0:39 / /mnt/a rw,nosuid shared:7 master:2 - fuse.bindfs src rw,user_id=0\n"
      "41 24 0:40 / /run/x rw - tmpfs tmpfs rw\n"
      "42 24 0:41 / /mnt/b rw - virtiofs tag rw\n"
      "43 24 7:0 / /mnt/c rw - fuseblk /dev/loop0 rw\n"
      "44 24 0:42 / /sys/fs/fuse/connections rw - fusectl fusectl rw\n");
  const auto found = parse_mountinfo(in);
  ASSERT_EQ(found.size(), 3u);
  EXPECT_EQ(found.at(39).mount, "/mnt/a");
  EXPECT_EQ(found.at(39).fstype, "fuse.bindfs");
  EXPECT_EQ(found.at(39).source, "src");
  EXPECT_EQ(found.at(41).transport, "virtiofs");
  EXPECT_EQ(found.at(7u << 20).mount, "/mnt/c");  // a block device keeps its major number
}

TEST(Mountinfo, UndoesTheKernelsEscapes) {
  std::istringstream in("40 24 0:39 / /mnt/with\\040space\\134x rw - fuse.x a\\011b rw\n");
  const auto found = parse_mountinfo(in);
  EXPECT_EQ(found.at(39).mount, "/mnt/with space\\x");
  EXPECT_EQ(found.at(39).source, "a\tb");
}

TEST(Mountinfo, TheFirstMountPointOfSeveralIsKept) {
  std::istringstream in(
      "40 24 0:39 / /mnt/a rw - fuse.x x rw\n"
      "41 24 0:39 / /mnt/b rw - fuse.x x rw\n");
  EXPECT_EQ(parse_mountinfo(in).at(39).mount, "/mnt/a");
}

TEST(Mountinfo, AMountOfAllOfItIsPreferredToOneOfAPart) {
  std::istringstream in(
      "40 24 0:39 /part /mnt/part rw - fuse.x x rw\n"
      "41 24 0:39 / /mnt/whole rw - fuse.x x rw\n"
      "42 24 0:39 / /mnt/again rw - fuse.x x rw\n");
  EXPECT_EQ(parse_mountinfo(in).at(39).mount, "/mnt/whole");
}

TEST(Mountinfo, LinesThatAreNoneAreSkipped) {
  std::istringstream in("\nrubbish\n40 24 x / /mnt/a rw - fuse.x x rw\n40 24\n");
  EXPECT_TRUE(parse_mountinfo(in).empty());
}

TEST(Queues, AreReadByShard) {
  std::istringstream in(
      "shard cpus pending oldest_us queued taken stolen\n"
      "0 0-3,8 0 0 1517 1517 2\n"
      "1 4-7 15 18010 525 510 510\n");
  const auto queues = parse_queues(in);
  ASSERT_EQ(queues.size(), 2u);
  EXPECT_EQ(queues[0].cpus, "0-3,8");
  EXPECT_EQ(queues[1].pending, 15u);
  EXPECT_EQ(queues[1].oldest_us, 18010u);
  EXPECT_EQ(queues[1].queued, 525u);
  EXPECT_EQ(queues[1].taken, 510u);
  EXPECT_EQ(queues[1].stolen, 510u);
}

TEST(Queues, ThatAreNotUnderstoodAreNotShown) {
  std::istringstream other_header("shard pending\n0 1\n");
  EXPECT_TRUE(parse_queues(other_header).empty());
  std::istringstream cut("shard cpus pending oldest_us queued taken stolen\n0 0-3 1 2\n");
  EXPECT_TRUE(parse_queues(cut).empty());
  std::istringstream nothing;
  EXPECT_TRUE(parse_queues(nothing).empty());
}

TEST(ConnectionOfMount, NamesAPathThatIsNoMount) {
  const auto found = connection_of_mount("/proc");
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().message, "no FUSE file system is mounted at /proc");
  EXPECT_NE(found.error().hint.find("it lies on proc mounted at /proc"), std::string::npos);
}

}  // namespace
}  // namespace fusetrace
