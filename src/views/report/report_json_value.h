// SPDX-License-Identifier: Apache-2.0
// The JSON report as a value, for the views that put it into something larger.
#pragma once

#include <nlohmann/json.hpp>

#include "model/snapshot.h"

namespace fusetrace {

nlohmann::ordered_json report_json_value(const Snapshot& snapshot);

}  // namespace fusetrace
