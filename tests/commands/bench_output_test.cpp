// SPDX-License-Identifier: Apache-2.0
// The bench's document and text, from a result made up here.
#include "commands/bench_output.h"

#include <gtest/gtest.h>
#include <linux/fuse.h>

#include <nlohmann/json.hpp>

namespace fusetrace {
namespace {

BenchResult example() {
  BenchResult result;
  result.connection = 41;
  result.opcodes[FUSE_INIT] = 1;
  result.opcodes[FUSE_LOOKUP] = 2;
  result.opcodes[FUSE_GETATTR] = 1000;
  result.operations = 1000;
  result.seconds = 0.5;
  result.same_cpu = 250;
  result.other_cpu = 750;
  result.reply_same_cpu = 0;
  result.reply_other_cpu = 1000;
  result.cpus = {0, 3};
  result.matrix = {{100, 700}, {50, 150}};
  result.latency = {1000, 1500, 950, 2500000, 3000000000, 4000000000};
  return result;
}

TEST(BenchOutput, JsonHasExactlyThePromisedKeysInTheirOrder) {
  const std::string text = bench_to_json(example());
  EXPECT_EQ(text.back(), '\n');
  const auto json = nlohmann::ordered_json::parse(text);
  EXPECT_EQ(json.dump(),
            R"({"schema":"fusetrace.bench/1","connection":41,)"
            R"("requests":1003,"operations":1000,"seconds":0.5,)"
            R"("requests_per_second":2006.0,"opcodes":{"LOOKUP":2,"GETATTR":1000,"INIT":1},)"
            R"("same_cpu":250,"other_cpu":750,"reply_same_cpu":0,"reply_other_cpu":1000,)"
            R"("cpu_matrix":{"cpus":[0,3],"requests":[[100,700],[50,150]]},)"
            R"("latency":{"count":1000,"mean_ns":1500,"p50_ns":950,"p90_ns":2500000,)"
            R"("p99_ns":3000000000,"max_ns":4000000000},"interrupted":false})");
}

TEST(BenchOutput, JsonOfNothingDividesByNothing) {
  const auto json = nlohmann::json::parse(bench_to_json(BenchResult{}));
  EXPECT_EQ(json["requests"], 0);
  EXPECT_EQ(json["requests_per_second"], 0.0);
  EXPECT_TRUE(json["opcodes"].is_object());
  EXPECT_TRUE(json["cpu_matrix"]["cpus"].is_array());
}

TEST(BenchOutput, OpcodesTooGreatToCountApartAreInTheSum) {
  BenchResult result = example();
  result.other_opcodes = 7;
  const auto json = nlohmann::json::parse(bench_to_json(result));
  EXPECT_EQ(json["requests"], 1010);
  EXPECT_EQ(json["opcodes"]["OTHER"], 7);
}

TEST(BenchOutput, TextIsForPeople) {
  EXPECT_EQ(bench_to_text(example()),
            "requests     1003 in 0.500 s, 2006 per second\n"
            "operations   1000 by the clients\n"
            "opcodes      LOOKUP 2, GETATTR 1000, INIT 1\n"
            "request hop  25.0 % on the same CPU (250 of 1000)\n"
            "reply hop    0.0 % on the same CPU (0 of 1000)\n"
            "latency      mean 1.5 µs, p50 950 ns, p90 2.5 ms, p99 3.00 s, max 4.00 s\n"
            "\n"
            "client CPU   requests by server CPU\n"
            "                  0      3\n"
            "           0    100    700\n"
            "           3     50    150\n");
}

}  // namespace
}  // namespace fusetrace
