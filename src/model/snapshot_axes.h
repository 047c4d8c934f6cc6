// SPDX-License-Identifier: Apache-2.0
// What the tables of a Snapshot are indexed by.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace fusetrace {

// The two directions, in the order of tables indexed by them.
enum class Hop : uint8_t { request = 0, reply = 1 };
inline constexpr size_t hop_count = 2;
inline constexpr std::array<std::string_view, hop_count> hop_names = {"request", "reply"};

// Whose wakeup.
enum class Side : uint8_t { server = 0, client = 1 };
inline constexpr size_t side_count = 2;
inline constexpr std::array<std::string_view, side_count> side_names = {"server", "client"};

// Whether the CPU that a woken thread was put on was idle.
enum class TargetIdle : uint8_t { idle = 0, busy = 1, unknown = 2 };
inline constexpr size_t target_idle_count = 3;
inline constexpr std::array<std::string_view, target_idle_count> target_idle_names = {
    "idle", "busy", "unknown"};

// The hint that the wakeup carried.
enum class WakeHint : uint8_t { plain = 0, sync = 1, current_cpu = 2, unknown = 3 };
inline constexpr size_t wake_hint_count = 4;
inline constexpr std::array<std::string_view, wake_hint_count> wake_hint_names = {
    "plain", "sync", "current_cpu", "unknown"};

}  // namespace fusetrace
