// SPDX-License-Identifier: Apache-2.0
#include "commands/bench_output.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "model/opcode.h"

namespace fusetrace {
namespace {

// A duration, in the unit that suits its size.
std::string duration_text(uint64_t ns) {
  const auto value = static_cast<double>(ns);
  if (ns < 1000) return fmt::format("{} ns", ns);
  if (ns < 1000000) return fmt::format("{:.1f} µs", value / 1e3);
  if (ns < 1000000000) return fmt::format("{:.1f} ms", value / 1e6);
  return fmt::format("{:.2f} s", value / 1e9);
}

double per_second(const BenchResult& result) {
  return result.seconds > 0 ? static_cast<double>(result.requests()) / result.seconds : 0;
}

std::vector<std::pair<std::string, uint64_t>> opcode_counts(const BenchResult& result) {
  std::vector<std::pair<std::string, uint64_t>> out;
  for (uint32_t op = 0; op < result.opcodes.size(); ++op) {
    if (result.opcodes[op] > 0) out.emplace_back(opcode_name(op), result.opcodes[op]);
  }
  if (result.other_opcodes > 0) out.emplace_back("OTHER", result.other_opcodes);
  return out;
}

std::string hop_text(const char* name, uint64_t same, uint64_t other) {
  const uint64_t all = same + other;
  if (all == 0) return fmt::format("{:<12} none seen\n", name);
  return fmt::format("{:<12} {:.1f} % on the same CPU ({} of {})\n", name,
                     100.0 * static_cast<double>(same) / static_cast<double>(all), same, all);
}

// Rows are client CPUs, columns are server CPUs. Each column is as wide as its numbers.
std::string matrix_text(const BenchResult& result) {
  size_t width = 6;
  for (const auto& row : result.matrix) {
    for (const uint64_t count : row) width = std::max(width, fmt::formatted_size("{}", count));
  }
  std::string out = "\nclient CPU   requests by server CPU\n            ";
  for (const uint32_t cpu : result.cpus) out += fmt::format(" {:>{}}", cpu, width);
  out += '\n';
  for (size_t i = 0; i < result.cpus.size(); ++i) {
    out += fmt::format("{:>12}", result.cpus[i]);
    for (const uint64_t count : result.matrix[i]) out += fmt::format(" {:>{}}", count, width);
    out += '\n';
  }
  return out;
}

}  // namespace

std::string bench_to_json(const BenchResult& result) {
  nlohmann::ordered_json out;
  out["schema"] = "fusetrace.bench/1";
  out["connection"] = result.connection;
  out["requests"] = result.requests();
  out["operations"] = result.operations;
  out["seconds"] = result.seconds;
  out["requests_per_second"] = per_second(result);
  auto& opcodes = out["opcodes"] = nlohmann::ordered_json::object();
  for (const auto& [name, count] : opcode_counts(result)) opcodes[name] = count;
  out["same_cpu"] = result.same_cpu;
  out["other_cpu"] = result.other_cpu;
  out["reply_same_cpu"] = result.reply_same_cpu;
  out["reply_other_cpu"] = result.reply_other_cpu;
  out["cpu_matrix"] = {{"cpus", result.cpus}, {"requests", result.matrix}};
  out["latency"] = {{"count", result.latency.count},   {"mean_ns", result.latency.mean_ns},
                    {"p50_ns", result.latency.p50_ns}, {"p90_ns", result.latency.p90_ns},
                    {"p99_ns", result.latency.p99_ns}, {"max_ns", result.latency.max_ns}};
  out["interrupted"] = result.interrupted;
  return out.dump(2) + "\n";
}

std::string bench_to_text(const BenchResult& result) {
  std::string out =
      fmt::format("{:<12} {} in {:.3f} s, {:.0f} per second{}\n", "requests", result.requests(),
                  result.seconds, per_second(result), result.interrupted ? " (interrupted)" : "");
  out += fmt::format("{:<12} {} by the clients\n", "operations", result.operations);
  std::string by_opcode;
  for (const auto& [name, count] : opcode_counts(result)) {
    by_opcode += fmt::format("{}{} {}", by_opcode.empty() ? "" : ", ", name, count);
  }
  out += fmt::format("{:<12} {}\n", "opcodes", by_opcode);
  out += hop_text("request hop", result.same_cpu, result.other_cpu);
  out += hop_text("reply hop", result.reply_same_cpu, result.reply_other_cpu);
  const LatencySummary& latency = result.latency;
  out += fmt::format("{:<12} mean {}, p50 {}, p90 {}, p99 {}, max {}\n", "latency",
                     duration_text(latency.mean_ns), duration_text(latency.p50_ns),
                     duration_text(latency.p90_ns), duration_text(latency.p99_ns),
                     duration_text(latency.max_ns));
  if (!result.cpus.empty()) out += matrix_text(result);
  return out;
}

}  // namespace fusetrace
