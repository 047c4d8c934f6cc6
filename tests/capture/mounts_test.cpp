// SPDX-License-Identifier: Apache-2.0
// Which mount a path lies on, from the table alone.
#include "capture/mounts.h"

#include <gtest/gtest.h>

#include <map>

namespace fusetrace {
namespace {

constexpr const char* root_line = "24 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n";

uint32_t device_at(const std::string& table, const std::string& path) {
  const MountTable mounts = MountTable::parse(table);
  const Mount* mount = mounts.covering(path);
  return mount == nullptr ? 0 : mount->device;
}

TEST(MountTable, OfTwoMountsOverOneAnotherTheTopmostCounts) {
  const std::string table = std::string(root_line) +
                            "40 24 0:39 / /m rw - fuse.first a rw\n"
                            "41 40 0:40 / /m rw - fuse.second b rw\n";
  EXPECT_EQ(device_at(table, "/m"), 40u);
  EXPECT_EQ(device_at(table, "/m/below"), 40u);
  // The order of the lines means nothing.
  EXPECT_EQ(
      device_at("41 40 0:40 / /m rw - fuse.second b rw\n40 24 0:39 / /m rw - fuse.first a rw\n" +
                    std::string(root_line),
                "/m"),
      40u);
}

TEST(MountTable, AMountThatAnotherOneHidesIsNotFound) {
  const std::string table = std::string(root_line) +
                            "40 24 0:39 / /m/inner rw - fuse.inner a rw\n"
                            "41 24 0:40 / /m rw - fuse.outer b rw\n";
  EXPECT_EQ(device_at(table, "/m/inner"), 40u);
}

TEST(MountTable, FindsTheMountOfPathsBelowAndOfParts) {
  const std::string table = std::string(root_line) +
                            "40 24 0:39 / /m rw - fuse.a a rw\n"
                            "41 24 0:39 /deep/part /elsewhere rw - fuse.a a rw\n"
                            "42 40 0:41 / /m/other rw - fuse.b b rw\n";
  EXPECT_EQ(device_at(table, "/m/x/y"), 39u);
  EXPECT_EQ(device_at(table, "/elsewhere/z"), 39u);
  EXPECT_EQ(device_at(table, "/m/other"), 41u);
  EXPECT_EQ(device_at(table, "/m/others"), 39u);
  EXPECT_EQ(device_at(table, "/n"), 8u << 20 | 1);
}

TEST(MountTable, TheRootItselfMayBeStacked) {
  const std::string table =
      "1 0 0:2 / / rw - rootfs rootfs rw\n"
      "24 1 0:39 / / rw - fuse.root a rw\n"
      "25 24 0:40 / /m rw - fuse.m b rw\n";
  EXPECT_EQ(device_at(table, "/"), 39u);
  EXPECT_EQ(device_at(table, "/m"), 40u);
}

TEST(MountTable, LinesThatAreNoneDoNotEndIt) {
  const std::string table = "\nrubbish\n" + std::string(root_line) +
                            "41\n40 24 0:39 / /m\\040n\\134o rw - fuse.a a\\011b rw\n";
  const MountTable mounts = MountTable::parse(table);
  ASSERT_EQ(mounts.mounts().size(), 2u);
  EXPECT_EQ(mounts.mounts()[1].target, "/m n\\o");
  EXPECT_EQ(mounts.mounts()[1].source, "a\tb");
  EXPECT_EQ(MountTable::parse("").covering("/m"), nullptr);
}

// A file system of links, which notes what was asked.
struct Links {
  std::map<std::string, std::string> links;
  std::vector<std::string> asked;
  ReadLink reader() {
    return [this](const std::string& path) -> std::optional<std::string> {
      asked.push_back(path);
      const auto found = links.find(path);
      return found == links.end() ? std::nullopt : std::optional(found->second);
    };
  }
};

TEST(ResolvePath, FollowsLinksToAMountAndAsksNothingInIt) {
  const MountTable table =
      MountTable::parse(std::string(root_line) + "40 24 0:39 / /m rw - fuse.a a rw\n");
  Links links;
  links.links = {{"/home", "/usr/home"}, {"/usr/home/link", "../../m"}, {"/m/x", "/trap"}};
  EXPECT_EQ(*resolve_path("/home/link/x/../y", table, links.reader()), "/m/y");
  for (const std::string& path : links.asked) EXPECT_FALSE(path.starts_with("/m")) << path;
}

TEST(ResolvePath, EndsWhenLinksGoInCircles) {
  const MountTable table = MountTable::parse(root_line);
  Links links;
  links.links = {{"/a", "b"}, {"/b", "a"}};
  EXPECT_FALSE(resolve_path("/a", table, links.reader()));
}

TEST(NormalPath, IsByTheTextAlone) {
  EXPECT_EQ(normal_path("/a//b/./c/../d/"), "/a/b/d");
  EXPECT_EQ(normal_path("/../.."), "/");
  EXPECT_EQ(*absolute_path("/a/b"), "/a/b");
  EXPECT_TRUE(absolute_path("x")->ends_with("/x"));
}

}  // namespace
}  // namespace fusetrace
