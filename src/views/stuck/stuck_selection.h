// SPDX-License-Identifier: Apache-2.0
// What of a look is shown, and what --check judges.
#pragma once

#include <cstdint>

#include "model/stuck.h"

namespace fusetrace {

// Whether it is at least so old: by its age, and by how long its thread has slept.
bool is_older(const OpenRequest& request, uint64_t older_ns);
bool is_older(const Stuck& stuck, const BlockedTask& task, uint64_t older_ns);

// The oldest age of all that is open, in ns; 0: nothing is, or no age is known.
uint64_t oldest_ns(const Stuck& stuck);

// "GETATTR", "LOOKUP passwd", "READ 4096 at 8192": what a request asks for, as one text
// that may hold any byte.
std::string request_text(const OpenRequest& request);

// "12 s", "5 m 12 s", "3 h 04 m", "450 ms"; whole numbers, as these ages are coarse.
std::string age_text(uint64_t ns);

// "the lock of a file", by the reason.
std::string_view reason_text(WaitReason reason);

}  // namespace fusetrace
