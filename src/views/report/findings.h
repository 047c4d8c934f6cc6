// SPDX-License-Identifier: Apache-2.0
// What a capture says, in plain sentences. Each is about one opcode on one connection, so that
// like is compared with like; it appears only when enough requests support it, and a cause is
// named together with the other causes that its figures rule out.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "model/snapshot.h"

namespace fusetrace {

// Fewer requests than this support no sentence.
inline constexpr uint64_t enough_requests = 200;

struct Finding {
  // "server_busy", "server_awake", "client_cpu_wait", "server_cpu_wait", "client_stalled",
  // "server_stalled", "service", "distance", "server_work_by_cpu", "handover", or a fact that is no
  // cause: "same_cpu", "swing", "pickup_distance", "sync_wakeups", "migrations", "poaching",
  // "idle_target", "stages".
  std::string kind;
  std::optional<uint32_t> connection;  // none: of all requests
  std::optional<uint32_t> opcode;
  double weight_ns = 0;  // how much time it explains; facts explain none
  std::string text;      // the sentence, without the names of connection and opcode
};

// Causes first, those that explain most time before the others; then facts.
std::vector<Finding> draw_findings(const Snapshot& snapshot);

// The same as sentences, with the names where there are several connections or opcodes.
std::vector<std::string> findings(const Snapshot& snapshot);

}  // namespace fusetrace
