// SPDX-License-Identifier: Apache-2.0
// The requests that are still in flight when a capture ends.
#pragma once

#include <cstdint>
#include <vector>

#include "fusetrace.h"
#include "model/error.h"

struct fusetrace_bpf;

namespace fusetrace {

// Looks through the table of requests in flight of a capture that has been switched off:
// appends those whose reply was seen but not their client's return, and returns how many
// others there are. Errors: the table cannot be mapped, with the errno.
[[nodiscard]] Result<uint64_t> take_open_requests(const fusetrace_bpf& object,
                                                  std::vector<ft_request>& replied);

}  // namespace fusetrace
