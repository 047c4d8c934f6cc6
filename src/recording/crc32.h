// SPDX-License-Identifier: Apache-2.0
// CRC-32 (ISO-HDLC, that of zip and PNG) for the small fixed parts of a
// recording; payloads carry zstd's own checksum.
#pragma once

#include <cstddef>
#include <cstdint>

namespace fusetrace {

// Continues from the CRC of what came before, 0 for nothing.
uint32_t crc32(const void* data, size_t size, uint32_t before = 0);

}  // namespace fusetrace
