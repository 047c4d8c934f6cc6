// SPDX-License-Identifier: Apache-2.0
// How a command tells the user that it could not: one line, and the way out.
#pragma once

#include <fmt/format.h>

#include <cstdio>

#include "model/error.h"

namespace fusetrace {

// Prints the error to stderr and returns the exit status for it.
inline int complain(const Error& error, int status = 1) {
  if (error.hint.empty()) {
    fmt::print(stderr, "fusetrace: {}\n", error.message);
  } else {
    fmt::print(stderr, "fusetrace: {} ({})\n", error.message, error.hint);
  }
  return status;
}

}  // namespace fusetrace
