// SPDX-License-Identifier: Apache-2.0
// A warning about something that a capture tries again and again.
#pragma once

#include <spdlog/spdlog.h>

#include "model/error.h"

namespace fusetrace {

// Logs a failure only if the attempt before it succeeded.
class WarnOnce {
 public:
  void operator()(const Result<void>& result) {
    if (!result && !failing_) spdlog::warn("{}", result.error().message);
    failing_ = !result;
  }

 private:
  bool failing_ = false;
};

}  // namespace fusetrace
