// SPDX-License-Identifier: Apache-2.0
#include "recording/crc32.h"

#include <zlib.h>

namespace fusetrace {

uint32_t crc32(const void* data, size_t size, uint32_t before) {
  // zlib starts anew where the data is a null pointer, as that of an empty vector may be.
  if (size == 0) return before;
  return static_cast<uint32_t>(crc32_z(before, static_cast<const Bytef*>(data), size));
}

}  // namespace fusetrace
