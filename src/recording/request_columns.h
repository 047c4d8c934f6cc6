// SPDX-License-Identifier: Apache-2.0
// A block of requests as columns: what a column holds is stored as the
// difference from a related column or row, in as few bytes as the block needs,
// one byte plane after the other. That leaves about a third of a request's size
// in memory, and leaves it in a form that zstd compresses well and fast.
// docs/recording-format.md describes the layout; it loses no bit of any value.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "fusetrace.h"

namespace fusetrace {

// What the encoder leaves: the payload of a block in its two parts, both valid
// until the encoder is used again. Each plane is count bytes long and has its
// own byte statistics, so a compressor does best to start anew for each.
struct EncodedColumns {
  std::span<const uint8_t> directory;  // its own size, column headers, dictionaries
  std::span<const uint8_t> planes;
  uint32_t count = 0;
  uint64_t first_ns = 0;  // the earliest queued_ns
  uint64_t last_ns = 0;   // the latest of the requests' last known points
};

// Collects requests and encodes them.
class RequestColumnsEncoder {
 public:
  // Room for so many requests.
  explicit RequestColumnsEncoder(uint32_t capacity);

  // Takes as many as there is room for, and says how many those were.
  size_t append(std::span<const ft_request> requests);
  uint32_t count() const { return count_; }
  bool full() const { return count_ == capacity_; }

  // Encodes what was collected and forgets it.
  EncodedColumns encode();

 private:
  template <typename T>
  void encode_column(size_t field);
  template <typename T>
  bool encode_relative(size_t field, const T* values);
  template <typename T>
  void encode_plain(size_t field, const T* values);
  template <typename T>
  bool encode_dictionary(size_t field, const T* values);
  template <typename T>
  const T* references(size_t field, const T* values);
  template <typename T>
  void put_planes(const T* codes, unsigned width);
  void put_header(size_t field, uint8_t mode, unsigned width, uint64_t base, uint64_t start);

  template <typename T>
  T* column(size_t field) {
    return reinterpret_cast<T*>(columns_.data() + column_offsets_[field]);
  }

  uint32_t capacity_;
  uint32_t count_ = 0;
  std::vector<size_t> column_offsets_;
  std::vector<std::byte> columns_;   // the collected requests, transposed
  std::vector<uint64_t> last_time_;  // of each row: the last known point before the current column
  std::vector<uint64_t> references_;
  std::vector<std::byte> codes_;
  std::vector<uint8_t> directory_;
  std::vector<uint8_t> planes_;  // room for all that there could be
  size_t planes_bytes_ = 0;
};

// The inverse: fills rows from directory and planes, one after the other in
// bytes. False when they are not such an encoding of rows.size() requests.
bool decode_request_columns(std::span<const uint8_t> bytes, std::span<ft_request> rows);

}  // namespace fusetrace
