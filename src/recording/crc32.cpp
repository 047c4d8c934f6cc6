// SPDX-License-Identifier: Apache-2.0
#include "recording/crc32.h"

#include <array>

namespace fusetrace {
namespace {

constexpr std::array<uint32_t, 256> make_table() {
  std::array<uint32_t, 256> table{};
  for (uint32_t i = 0; i < 256; i++) {
    uint32_t value = i;
    for (int bit = 0; bit < 8; bit++) value = value >> 1 ^ ((value & 1) != 0 ? 0xedb88320u : 0u);
    table[i] = value;
  }
  return table;
}
constexpr auto table = make_table();

}  // namespace

uint32_t crc32(const void* data, size_t size, uint32_t before) {
  const auto* bytes = static_cast<const unsigned char*>(data);
  uint32_t value = ~before;
  for (size_t i = 0; i < size; i++) value = value >> 8 ^ table[(value ^ bytes[i]) & 0xff];
  return ~value;
}

}  // namespace fusetrace
