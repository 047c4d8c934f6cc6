// SPDX-License-Identifier: Apache-2.0
// Prints the table of docs/protocol.md; with "states", how much is searched.
#include <cstdio>
#include <cstring>
#include <string>

#include "interleavings/slot_casts.h"
#include "interleavings/slot_orderings.h"

int main(int argc, char** argv) {
  using namespace fusetrace::interleavings;
  if (argc == 1) {
    std::fputs(table_head().c_str(), stdout);
    for (const Ordering& ordering : orderings()) std::fputs(table_row(ordering).c_str(), stdout);
    return 0;
  }
  if (argc != 2 || std::strcmp(argv[1], "states") != 0) {
    std::fputs("usage: slot_table [states]\n", stderr);
    return 2;
  }
  std::fputs("| at once | sequential | total store order | weak |\n|---|---:|---:|---:|\n", stdout);
  for (const SlotCast& cast : slot_casts()) {
    std::printf("| %s |", cast.name);
    for (const Memory memory : {Memory::kSequential, Memory::kTotalStore, Memory::kWeak}) {
      unsigned long long states = 0;
      for (const unsigned fields : cast.followed) {
        const Outcome outcome = search(cast, fields, memory, "");
        if (!outcome.fault.empty()) std::printf(" **%s**", outcome.fault.c_str());
        states += outcome.states;
      }
      std::printf(" %llu |", states);
    }
    std::puts("");
  }
  return 0;
}
