// SPDX-License-Identifier: Apache-2.0
// CPU lists are read as taskset reads them, and refused otherwise.
#include "system/cpu_list.h"

#include <gtest/gtest.h>

namespace fusetrace {
namespace {

using List = std::vector<uint32_t>;

TEST(CpuList, ReadsNumbersRangesAndSteps) {
  EXPECT_EQ(parse_cpu_list("0"), List({0}));
  EXPECT_EQ(parse_cpu_list("0,2-4"), List({0, 2, 3, 4}));
  EXPECT_EQ(parse_cpu_list("0-7:3"), List({0, 3, 6}));
  EXPECT_EQ(parse_cpu_list("5-5"), List({5}));
}

TEST(CpuList, IsSortedAndNamesEachCpuOnce) {
  EXPECT_EQ(parse_cpu_list("3,1-3,0"), List({0, 1, 2, 3}));
}

TEST(CpuList, RefusesWhatIsNotAList) {
  for (const char* text : {"", ",", "0,", ",0", "a", "1a", "-1", "3-1", "1-", "0-3:0",
                           "0-3:", "1 2", "0--1", "65536", "99999999999999999999"}) {
    EXPECT_EQ(parse_cpu_list(text), std::nullopt) << text;
  }
}

TEST(CpuList, EndsAtTheGreatestNumberWithoutWrapping) {
  EXPECT_EQ(parse_cpu_list("65534-65535:7"), List({65534}));
  EXPECT_EQ(parse_cpu_list("0-65535:65535"), List({0, 65535}));
}

TEST(CpuList, ReadsWhatTheKernelPrints) {
  EXPECT_EQ(parse_cpu_list("0-2,8"), List({0, 1, 2, 8}));
  EXPECT_EQ(parse_cpu_list("5"), List({5}));
}

TEST(CpuList, FormatsShortAndReadsBack) {
  for (const char* text : {"0", "0-3", "0,2-4,9", "1,3,5"}) {
    EXPECT_EQ(format_cpu_list(parse_cpu_list(text).value()), text);
  }
  EXPECT_EQ(format_cpu_list({}), "");
  EXPECT_EQ(format_cpu_list({9, 2, 0, 3, 4}), "0,2-4,9");
}

}  // namespace
}  // namespace fusetrace
