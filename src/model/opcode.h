// SPDX-License-Identifier: Apache-2.0
// Names of FUSE opcodes, as in linux/fuse.h without the prefix.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace fusetrace {

// Whether opcode_name() has a name for it, and not only its number.
bool has_opcode_name(uint32_t opcode);

// "GETATTR"; "OPCODE_99" for a number that no kernel up to 7.3 knows.
std::string opcode_name(uint32_t opcode);

// The number of a name in any case, with or without "FUSE_", or of "OPCODE_99".
std::optional<uint32_t> opcode_number(std::string_view name);

}  // namespace fusetrace
