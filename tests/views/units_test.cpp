// SPDX-License-Identifier: Apache-2.0
#include "views/text/units.h"

#include <gtest/gtest.h>

namespace fusetrace {
namespace {

TEST(Units, DurationsTakeTheUnitThatFits) {
  EXPECT_EQ(duration_text(0), "0 ns");
  EXPECT_EQ(duration_text(999), "999 ns");
  EXPECT_EQ(duration_text(1000), "1.00 µs");
  EXPECT_EQ(duration_text(12340), "12.3 µs");
  EXPECT_EQ(duration_text(999499), "999 µs");
  EXPECT_EQ(duration_text(999600), "1.00 ms");
  EXPECT_EQ(duration_text(2500000000), "2.50 s");
  EXPECT_EQ(duration_text(3600ull * 1000000000), "3600 s");
}

TEST(Units, SharesAndBytes) {
  EXPECT_EQ(percent_text(1, 3), "33.3 %");
  EXPECT_EQ(percent_text(0, 0), "-");
  EXPECT_EQ(bytes_text(512), "512 B");
  EXPECT_EQ(bytes_text(4096), "4.0 KiB");
  EXPECT_EQ(bytes_text(5ull << 30), "5.0 GiB");
}

TEST(Units, ColumnsAreNotBytes) {
  EXPECT_EQ(columns_of("12 µs"), 5u);
  EXPECT_EQ(pad_left("µs", 4), "  µs");
  EXPECT_EQ(fit("µµµµµ", 3), "µµ…");
  EXPECT_EQ(fit("abc", 3), "abc");
}

TEST(Units, WrappingKeepsEveryWord) {
  EXPECT_EQ(wrap("- ", "one two three four five six", 24), "- one two three four\n  five six\n");
  EXPECT_EQ(wrap("x ", "", 30), "x \n");
}

}  // namespace
}  // namespace fusetrace
