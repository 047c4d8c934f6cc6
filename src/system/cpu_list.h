// SPDX-License-Identifier: Apache-2.0
// Lists of CPUs as taskset and the kernel write them: "0,2-5,8-14:2".
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace fusetrace {

// The greatest CPU number that is understood, far above what Linux can be
// built for (CONFIG_NR_CPUS ends at 8192).
inline constexpr uint32_t max_cpu_number = 65535;

// The CPUs of the list, sorted, each once. Nothing for an empty list, for what is not a
// list, for a range that runs backwards, and for a step of 0.
[[nodiscard]] std::optional<std::vector<uint32_t>> parse_cpu_list(std::string_view text);

// The shortest list that parse_cpu_list() reads as these CPUs (without steps). The CPUs
// come in any order, each once.
std::string format_cpu_list(std::vector<uint32_t> cpus);

}  // namespace fusetrace
