// SPDX-License-Identifier: Apache-2.0
// Up to three threads over two requests that share a slot: what can happen at once.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "interleavings/search.h"
#include "interleavings/slot_model.h"

namespace fusetrace::interleavings {

struct SlotCast {
  const char* name;
  unsigned needs;                  // Fields that decide what the threads do
  std::vector<unsigned> followed;  // sets of Fields, each searched for itself
  std::vector<std::pair<const char*, std::function<void(SlotModel&)>>> threads;
  SlotModel::Expected expected;
};
const std::vector<SlotCast>& slot_casts();

// With the rule `left_out` of bpf/slot.h taken away; empty: with all of them.
Outcome search(const SlotCast& cast, unsigned fields, Memory memory, const std::string& left_out,
               std::uint64_t limit = 20'000'000);

}  // namespace fusetrace::interleavings
