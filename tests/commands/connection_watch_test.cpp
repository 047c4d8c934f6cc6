// SPDX-License-Identifier: Apache-2.0
// A look that fails leaves what is known and says so: it is not a machine without connections.
#include "commands/connection_watch.h"

#include <gtest/gtest.h>

namespace fusetrace {
namespace {

// No file system of this machine has this number: majors end at 4095.
constexpr uint32_t id = 4095u << 20 | 77;
const std::vector<uint32_t> ids = {id};

Result<std::vector<ft_open_device>> one_device() {
  ft_open_device device{};
  device.connection = id;
  device.waiting = 3;
  device.max_background = 12;
  device.congestion_threshold = 9;
  return std::vector{device};
}
Result<std::vector<ft_open_device>> no_device() { return std::vector<ft_open_device>{}; }
Result<std::vector<ft_open_device>> failing() { return fail("cannot run the iterator"); }

TEST(ConnectionWatch, AFailedLookKeepsTheConnectionAndNothingThatMayHaveChanged) {
  ConnectionWatch watch;
  ASSERT_TRUE(watch.refresh(one_device));
  EXPECT_EQ(watch.connections().at(id).waiting, 3);

  const auto again = watch.refresh(failing);
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().message, "cannot run the iterator");
  const Connection& kept = watch.connections().at(id);
  EXPECT_FALSE(kept.gone);
  EXPECT_EQ(kept.waiting, -1);
  EXPECT_EQ(kept.max_background, -1);
  EXPECT_EQ(kept.congestion_threshold, -1);
  EXPECT_EQ(kept.server_threads, -1);
}

TEST(ConnectionWatch, AConnectionThatIsNotThereAnyMoreIsGone) {
  ConnectionWatch watch;
  ASSERT_TRUE(watch.refresh(one_device));
  ASSERT_TRUE(watch.refresh(no_device));
  EXPECT_TRUE(watch.connections().at(id).gone);
}

TEST(ConnectionWatch, LooksOnceForAConnectionThatCannotBeFound) {
  ConnectionWatch watch;
  int scans = 0;
  const auto scan = [&] {
    ++scans;
    return no_device();
  };
  ASSERT_TRUE(watch.find(ids, scan));
  ASSERT_TRUE(watch.find(ids, scan));
  EXPECT_EQ(scans, 1);
}

TEST(ConnectionWatch, LooksAgainAfterALookThatFailed) {
  ConnectionWatch watch;
  EXPECT_FALSE(watch.find(ids, failing));
  EXPECT_FALSE(watch.connections().contains(id));
  ASSERT_TRUE(watch.find(ids, one_device));
  EXPECT_TRUE(watch.connections().contains(id));
}

}  // namespace
}  // namespace fusetrace
