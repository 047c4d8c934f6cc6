// SPDX-License-Identifier: Apache-2.0
// What the tables of a Snapshot are indexed by.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "facts.h"

namespace fusetrace {

// The two directions, in the order of tables indexed by them.
enum class Hop : uint8_t { request = FT_HOP_REQUEST, reply = FT_HOP_REPLY };
inline constexpr size_t hop_count = FT_HOPS;
inline constexpr std::array<std::string_view, hop_count> hop_names = {"request", "reply"};

// Whose wakeup.
enum class Side : uint8_t { server = FT_SIDE_SERVER, client = FT_SIDE_CLIENT };
inline constexpr size_t side_count = FT_SIDES;
inline constexpr std::array<std::string_view, side_count> side_names = {"server", "client"};

// Whether the CPU that a woken thread was put on was idle.
enum class TargetIdle : uint8_t {
  idle = FT_TARGET_IDLE,
  busy = FT_TARGET_BUSY,
  unknown = FT_TARGET_UNKNOWN
};
inline constexpr size_t target_idle_count = FT_TARGETS;
inline constexpr std::array<std::string_view, target_idle_count> target_idle_names = {
    "idle", "busy", "unknown"};

// The hint that the wakeup carried.
enum class WakeHint : uint8_t {
  plain = FT_HINT_PLAIN,
  sync = FT_HINT_SYNC,
  current_cpu = FT_HINT_CURRENT_CPU,
  unknown = FT_HINT_UNKNOWN
};
inline constexpr size_t wake_hint_count = FT_HINTS;
inline constexpr std::array<std::string_view, wake_hint_count> wake_hint_names = {
    "plain", "sync", "current_cpu", "unknown"};

}  // namespace fusetrace
