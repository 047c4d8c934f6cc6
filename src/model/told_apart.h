// SPDX-License-Identifier: Apache-2.0
// Which connection and opcode a request is counted under, so that the number of
// counters stays within model/limits.h whatever a recording holds.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <unordered_set>

#include "fusetrace.h"
#include "model/limits.h"
#include "model/opcode.h"

namespace fusetrace {

class ToldApart {
 public:
  struct Group {
    uint32_t connection = 0;  // or limits::other
    uint32_t opcode = 0;      // or limits::other
  };

  Group of(const ft_request& r) {
    Recent& recent = recent_[(r.connection * 31 + r.opcode) % recent_.size()];
    if (!recent.used || recent.connection != r.connection || recent.opcode != r.opcode) [[unlikely]]
      recent = {true, r.connection, r.opcode, look_up(r)};
    return recent.group;
  }

 private:
  struct Recent {
    bool used = false;
    uint32_t connection = 0;
    uint32_t opcode = 0;
    Group group;
  };

  Group look_up(const ft_request& r) {
    Group group{r.connection, r.opcode};
    if (!connections_.contains(group.connection)) {
      if (connections_.size() < limits::connections) {
        connections_.insert(group.connection);
      } else {
        group.connection = limits::other;
      }
    }
    if (!has_opcode_name(group.opcode) && !opcodes_.contains(group.opcode)) {
      if (opcodes_.size() < limits::unnamed_opcodes) {
        opcodes_.insert(group.opcode);
      } else {
        group.opcode = limits::other;
      }
    }
    const uint64_t cell = uint64_t{group.connection} << 32 | group.opcode;
    if (!cells_.contains(cell)) {
      if (cells_.size() < limits::cells) {
        cells_.insert(cell);
      } else {
        group.opcode = limits::other;
      }
    }
    return group;
  }

  std::array<Recent, 256> recent_;
  std::unordered_set<uint32_t> connections_;
  std::unordered_set<uint32_t> opcodes_;
  std::unordered_set<uint64_t> cells_;
};

// The connection's number, or "other".
inline std::string connection_text(uint32_t id) {
  return id == limits::other ? "other" : std::to_string(id);
}

}  // namespace fusetrace
