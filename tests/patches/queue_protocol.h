// SPDX-License-Identifier: Apache-2.0
// A model of how requests are queued and readers fall asleep in the kernel series'
// part 2, searched exhaustively under a chosen memory model for a lost wakeup.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "interleavings/search.h"

namespace fusetrace::patches {

// The rules of the protocol, each of which can be left out (design: "Rules without
// which it breaks").
enum class Rule {
  kNone,              // nothing is left out
  kPublishBusy,       // the shard is published as busy only after readers were looked for
  kQueuerBarrier,     // no full barrier between publishing and looking for readers
  kAllIdleQueues,     // only the queue of readers of the own shard is looked at
  kSleeperBarrier,    // no full barrier between joining the wait queue and looking again
  kLookAgain,         // after joining, nothing is looked at again
  kAllShards,         // ... only the own shard is looked at again
  kControlQueue,      // ... all but the control queue
  kConnected,         // ... all but whether the connection still exists
  kChosenLooksAgain,  // a chosen reader with a signal pending returns without looking
};
std::vector<Rule> all_rules();
std::string_view name_of(Rule rule);

// The memory models are those of the search, tests/interleavings/search.h. Taking a lock keeps
// later loads from running early and does not wait for earlier stores; dropping one waits for
// all that came before. Nothing is a copying load, and loads run early only where it is asked for.
using interleavings::Memory;
using interleavings::name_of;

// Who takes part beside two readers, the first at home in shard 0, the second in shard 1.
enum class Cast {
  kOneQueuer,      // one request for shard 0
  kForeignQueuer,  // one request for shard 0 and only the reader of shard 1
  kTwoQueuers,     // one request for each shard
  kControl,        // an interrupt on the control queue, one reader
  kAbort,          // the connection is taken down
  kSignal,         // one request for shard 0, and a signal for the reader of shard 0
};
std::vector<Cast> all_casts();
std::string_view name_of(Cast cast);

struct Outcome {
  std::uint64_t states = 0;        // distinct states that were visited
  bool lost_wakeup = false;        // somewhere all is still, a reader sleeps, and there is work
  bool miscounted = false;         // somewhere a request was taken twice or not queued
  bool complete = false;           // every reachable state was visited; false if `limit` ended it
  std::vector<std::string> trace;  // steps that lead to the fault, if there is one
};

// Visits every interleaving, up to `limit` states. Loads run early only if `early_loads` says
// so, and under weak memory: with it there are too many states for the larger casts.
Outcome search(Cast cast, Memory memory, Rule left_out, std::uint64_t limit = 20'000'000,
               bool early_loads = false);

}  // namespace fusetrace::patches
