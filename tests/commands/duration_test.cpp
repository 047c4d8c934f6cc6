// SPDX-License-Identifier: Apache-2.0
// A TIME on the command line: a number with a unit, or bare seconds.
#include "commands/duration.h"

#include <gtest/gtest.h>

namespace fusetrace {
namespace {

using namespace std::chrono_literals;

TEST(Duration, ReadsNumbersWithAUnit) {
  EXPECT_EQ(parse_duration("500ms"), 500ms);
  EXPECT_EQ(parse_duration("10s"), 10s);
  EXPECT_EQ(parse_duration("2m"), 2min);
  EXPECT_EQ(parse_duration("1h"), 1h);
  EXPECT_EQ(parse_duration("7us"), 7us);
  EXPECT_EQ(parse_duration("7µs"), 7us);
  EXPECT_EQ(parse_duration("7ns"), 7ns);
}

TEST(Duration, BareNumbersAreSeconds) {
  EXPECT_EQ(parse_duration("3"), 3s);
  EXPECT_EQ(parse_duration("0.25"), 250ms);
  EXPECT_EQ(parse_duration("1.5ms"), 1500us);
}

TEST(Duration, RefusesWhatIsNoLengthOfTimeAndQuotesIt) {
  for (const char* text : {"", "s", "0", "0s", "-1s", "1 s", "1x", "1e3", "inf", "nan", "0.1ns",
                           "10sec ", "0x10", "99999999999h", "1ss"}) {
    const auto duration = parse_duration(text);
    ASSERT_FALSE(duration) << text;
    EXPECT_NE(duration.error().message.find("'" + std::string(text) + "'"), std::string::npos);
    EXPECT_FALSE(duration.error().hint.empty());
  }
}

}  // namespace
}  // namespace fusetrace
