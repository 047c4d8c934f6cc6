// SPDX-License-Identifier: Apache-2.0
// The numbers of the recording format: magics, versions, sizes and limits.
// docs/recording-format.md describes what they mean. All of a recording is
// little-endian, as are the machines that this code is built for.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

namespace fusetrace::format {

static_assert(std::endian::native == std::endian::little,
              "the recording's reader and writer copy little-endian numbers as they are");

// First bytes of a file. Not ASCII, and with a line end that a text-mode
// transfer would change, so that such damage is told apart from a foreign file.
inline constexpr unsigned char file_magic[8] = {0x8f, 'F', 'T', 'R', 'E', 'C', '\r', '\n'};

// A reader takes every minor version of its own major one: a new minor version
// only adds block types, columns, counters and JSON keys.
inline constexpr uint16_t major_version = 1;
inline constexpr uint16_t minor_version = 0;

struct FileHeader {
  unsigned char magic[8];
  uint16_t major;
  uint16_t minor;
  uint32_t info_bytes;  // JSON that follows
  uint32_t info_crc;    // CRC-32 of that JSON
  uint32_t header_crc;  // CRC-32 of the 20 bytes before this field
};
static_assert(sizeof(FileHeader) == 24);

// Payloads are zstd frames with a checksum, that of the end marker excepted.
enum class BlockType : uint16_t {
  requests = 1,  // columns of ft_request
  tasks = 2,     // ft_task as they are
  info = 3,      // JSON: keys of the header that changed
  index = 4,     // IndexHeader, then one IndexEntry a block
  end = 5,       // EndMarker, not compressed; the last block
};

inline constexpr uint32_t block_magic = 0x4b425446;  // "FTBK"

struct BlockPrefix {
  uint32_t magic;
  uint16_t type;             // BlockType; a reader skips those it does not know
  uint8_t lost_count;        // counters after the prefix: lost, then incomplete, 8 bytes each;
  uint8_t incomplete_count;  // increments since the block before; both 0 when there are none
  uint32_t count;            // requests, tasks or index entries in the block
  uint32_t raw_bytes;        // payload after decompression
  uint32_t stored_bytes;     // payload in the file, a zstd frame with checksum
  uint32_t crc;              // CRC-32 of the prefix with crc = 0, and of the counters
  uint64_t first_ns;         // requests: the earliest queued_ns, and
  uint64_t last_ns;          // the latest point of any request; else 0
};
static_assert(sizeof(BlockPrefix) == 40);

struct IndexHeader {
  uint64_t previous_index;  // offset of the index block before this one, 0: none
};

struct IndexEntry {
  uint64_t offset;  // of the block's prefix
  uint64_t first_ns;
  uint64_t last_ns;
  uint32_t count;
  uint16_t type;
  uint16_t reserved;
};
static_assert(sizeof(IndexEntry) == 32);

struct EndMarker {
  uint64_t requests;    // in the whole file
  uint64_t last_index;  // offset of the last index block, 0: none
  uint64_t final_info;  // offset of the last info block, 0: none
  uint64_t file_bytes;  // size of the file, this marker included
  uint32_t reserved;
  uint32_t crc;  // CRC-32 of the fields before it
  unsigned char magic[8];
};
static_assert(sizeof(EndMarker) == 48);
inline constexpr unsigned char end_magic[8] = {'F', 'T', 'R', 'E', 'C', 'E', 'N', 'D'};

// What a reader accepts, so that a damaged size cannot make it allocate much.
inline constexpr uint32_t max_info_bytes = 8u << 20;
// Values in the JSON of one info block or header.
inline constexpr uint32_t max_info_values = 1u << 19;
// All info blocks together: this, and so many times the bytes of the file before them.
inline constexpr uint64_t max_info_total_bytes = 64u << 20;
inline constexpr uint64_t max_info_total_ratio = 32;
inline constexpr uint32_t max_block_bytes = 32u << 20;
inline constexpr uint32_t max_block_count = 1u << 16;

// What the writer makes: large enough for good compression (17.3 bytes a request
// at 8192, 17.6 at 4096, 17.2 at 16384 on the test workload), small enough that
// a block being encoded about fits a CPU's second-level cache.
inline constexpr uint32_t requests_per_block = 8192;
inline constexpr uint32_t entries_per_index = 4096;

}  // namespace fusetrace::format
