// SPDX-License-Identifier: Apache-2.0
// Who waits for whom: which threads can never go on, since all that could help
// them wait for them in turn.
#pragma once

#include <cstdint>
#include <vector>

#include "model/stuck.h"

namespace fusetrace {

// Fills in OpenRequest::servers of the requests that are being served: the one
// thread that is known to have it, or those of the connection's server threads
// that can. A thread that waits for the next request has none, and a thread that
// has been asleep for longer than the request is old did not take it.
void find_servers(Stuck& stuck);

// Cycles of threads that wait for one another. A thread is in one only when it
// cannot be helped: it waits for a request (or for a lock, or to be admitted), and
// every thread that could serve that request, or holds that lock, is such a thread
// itself. Each cycle is the shortest through its first thread; every set of
// threads that wait for each other gives one. Lowest tid first.
std::vector<std::vector<uint32_t>> find_cycles(const Stuck& stuck);

}  // namespace fusetrace
