// SPDX-License-Identifier: Apache-2.0
// How a command reports an error to the user: one line with what failed and the way out.
#pragma once

#include "commands/output.h"
#include "model/error.h"

namespace fusetrace {

// The exit status for a command line that is written wrong.
inline constexpr int wrong_usage = 2;

// An error together with its exit status: 1, or wrong_usage.
struct Refusal {
  Error error;
  int status = 1;
};

// Prints the error to stderr and returns the exit status for it.
inline int complain(const Error& error, int status = 1) {
  if (error.hint.empty()) {
    say("fusetrace: {}", error.message);
  } else {
    say("fusetrace: {} ({})", error.message, error.hint);
  }
  return status;
}
inline int complain(const Refusal& refusal) { return complain(refusal.error, refusal.status); }

}  // namespace fusetrace
