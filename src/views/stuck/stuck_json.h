// SPDX-License-Identifier: Apache-2.0
// `fusetrace stuck --json`: docs/schemas/stuck.schema.json.
#pragma once

#include <cstdint>
#include <string>

#include "model/stuck.h"

namespace fusetrace {

struct StuckFilter {
  uint64_t older_ns = 0;  // only what is at least so old; 0: everything
  bool with_stacks = false;
};

// The document, "fusetrace.stuck/1", with a line end.
std::string stuck_json(const Stuck& stuck, const StuckFilter& filter);

}  // namespace fusetrace
