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

TEST(Mountinfo, LinesThatAreNoneAreSkipped) {
  std::istringstream in("\nrubbish\n40 24 x / /mnt/a rw - fuse.x x rw\n40 24\n");
  EXPECT_TRUE(parse_mountinfo(in).empty());
}

TEST(ConnectionOfMount, NamesAPathThatIsNoMount) {
  const auto found = connection_of_mount("/proc");
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().message, "no FUSE file system is mounted at /proc");
}

}  // namespace
}  // namespace fusetrace
