// SPDX-License-Identifier: Apache-2.0
// What is open on FUSE file systems now, from two looks at the kernel's objects.
#pragma once

#include <chrono>
#include <functional>

#include "model/error.h"
#include "model/stuck.h"

namespace fusetrace {

// Between the two looks.
inline constexpr std::chrono::milliseconds stuck_second_look{100};

// Looks twice. Touches no FUSE file system, and reads no memory of any process.
// Errors: the kernel refused the programs, or an iterator failed.
Result<Stuck> look_at_open_requests(std::function<void(const char*)> log = {});

}  // namespace fusetrace
