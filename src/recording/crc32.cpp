// SPDX-License-Identifier: Apache-2.0
#include "recording/crc32.h"

#include <zlib.h>

namespace fusetrace {

uint32_t crc32(const void* data, size_t size, uint32_t before) {
  return static_cast<uint32_t>(crc32_z(before, static_cast<const Bytef*>(data), size));
}

}  // namespace fusetrace
