// SPDX-License-Identifier: Apache-2.0
// A warning about what a capture tries again and again.
#pragma once

#include <spdlog/spdlog.h>

#include "model/error.h"

namespace fusetrace {

// Logs the first of a row of failures; after a success the next one is logged again.
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
