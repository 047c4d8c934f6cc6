// SPDX-License-Identifier: Apache-2.0
// CaptureInfo as the JSON of a recording's header and info blocks.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "model/capture_info.h"

namespace fusetrace {

std::string to_json(const CaptureInfo& info);
// Only {"connections": …}.
std::string to_json(const std::map<uint32_t, Connection>& connections);

// Takes over the keys that are present; connections are added or replaced one
// by one. Unknown keys, and values of another type or range, are passed over:
// they come from a newer minor version. False when json is no JSON object.
bool merge_json(std::string_view json, CaptureInfo& info);

}  // namespace fusetrace
