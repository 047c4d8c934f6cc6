// SPDX-License-Identifier: Apache-2.0
// What each ordering and each check of bpf/slot.h is for, as the search finds it.
#pragma once

#include <span>
#include <string>

#include "interleavings/search.h"

namespace fusetrace::interleavings {

struct Ordering {
  const char* rule;       // FT_RULE() in bpf/slot.h
  const char* keeps;      // in words
  const char* cast;       // that shows what it is for
  bool is_order = false;  // there is nothing to it but where accesses are reordered
};
std::span<const Ordering> orderings();

// What goes wrong first in its cast without it; empty: nothing.
std::string failure_without(const Ordering& ordering, Memory memory);

// A line of the table in docs/protocol.md, and what stands above all of them.
std::string table_head();
std::string table_row(const Ordering& ordering);

}  // namespace fusetrace::interleavings
