// SPDX-License-Identifier: Apache-2.0
// The machine's CPUs from sysfs.
#pragma once

#include <string>

#include "model/topology.h"

namespace fusetrace {

// Reads ROOT/devices/system/cpu and .../node. CPUs whose files are missing
// (offline) are kept with online = false. root is another directory in tests.
Topology read_topology(const std::string& root = "/sys");

}  // namespace fusetrace
