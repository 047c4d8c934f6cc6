// SPDX-License-Identifier: Apache-2.0
// How much is told apart of what a recording names. A recording may come from
// anybody, and a few bytes of it can name a million things: what goes beyond these
// limits is counted together and shown as "other". docs/recording-format.md states
// them.
#pragma once

#include <cstddef>
#include <cstdint>

namespace fusetrace::limits {

// The largest CONFIG_NR_CPUS of any architecture (x86 with MAXSMP): numbers from
// here on are unknown CPUs.
inline constexpr uint32_t cpus = 8192;
// Connections that are counted apart, the first ones that have requests.
inline constexpr size_t connections = 1024;
// Opcodes that are counted apart beside those that opcode_name() knows.
inline constexpr size_t unnamed_opcodes = 64;
// Pairs of connection and opcode that are counted apart.
inline constexpr size_t cells = 8192;
// Rows of 64 CPUs in all CPU matrices: 128 MiB.
inline constexpr size_t matrix_rows = 1u << 18;
// Shards of input queues, of all connections together.
inline constexpr size_t shards = 4096;
// Threads whose names are kept.
inline constexpr size_t named_threads = 1u << 18;
// Connections, probes and bytes of one text that a header describes.
inline constexpr size_t described_connections = 1u << 14;
inline constexpr size_t described_probes = 64;
inline constexpr size_t text_bytes = 4096;
// Rows and columns of a matrix in JSON; the CPUs with the most requests.
inline constexpr size_t json_cpus = 1024;
// Pairs of CPUs that the OpenMetrics export tells apart, and about how much text it
// writes: intervals get longer instead.
inline constexpr size_t metric_pairs = 1u << 16;
inline constexpr size_t metric_bytes = 512u << 20;
inline constexpr size_t label_bytes = 256;

// The number of what is counted together: no connection and no opcode has it.
inline constexpr uint32_t other = UINT32_MAX;

}  // namespace fusetrace::limits
