// SPDX-License-Identifier: Apache-2.0
// Requests to columns. This runs on the machine that is being measured, so the
// loops are plain enough for the compiler to vectorise.
#include <algorithm>
#include <cstring>
#include <limits>
#include <type_traits>

#include "recording/request_columns.h"
#include "recording/request_fields.h"
#include "recording/vectorised.h"

namespace fusetrace {

using namespace request_fields;

namespace {

// Bytes that hold a number from 0 to value.
unsigned bytes_for(uint64_t value) {
  unsigned width = 0;
  for (; value != 0; value >>= 8) width++;
  return width;
}

template <typename T>
struct Range {
  T base;    // the least, as a signed number: a few negative ones do not make it wide
  T extent;  // greatest - least
};

template <typename T>
FT_VECTORISED Range<T> range_of(const T* values, size_t count) {
  using Signed = std::make_signed_t<T>;
  Signed low = std::numeric_limits<Signed>::max();
  Signed high = std::numeric_limits<Signed>::min();
  for (size_t i = 0; i < count; i++) {
    const auto v = static_cast<Signed>(values[i]);
    low = v < low ? v : low;
    high = v > high ? v : high;
  }
  return {static_cast<T>(low), static_cast<T>(static_cast<T>(high) - static_cast<T>(low))};
}

template <typename T>
struct Differences {
  std::make_signed_t<T> low;  // low > high: no value is known
  std::make_signed_t<T> high;
  bool unknown;  // a value is 0, which stands for unknown
};

// The range of values - references. For a column where 0 is a value like any
// other, zero_counts is all ones, else 0.
template <typename T>
FT_VECTORISED Differences<T> range_of_differences(const T* values, const T* references,
                                                  size_t count, T zero_counts) {
  using Signed = std::make_signed_t<T>;
  Signed low = std::numeric_limits<Signed>::max();
  Signed high = std::numeric_limits<Signed>::min();
  T unknown = 0;
  for (size_t i = 0; i < count; i++) {
    const auto difference = static_cast<Signed>(static_cast<T>(values[i] - references[i]));
    const bool known = static_cast<T>(values[i] | zero_counts) != 0;
    const Signed for_low = known ? difference : std::numeric_limits<Signed>::max();
    const Signed for_high = known ? difference : std::numeric_limits<Signed>::min();
    low = for_low < low ? for_low : low;
    high = for_high > high ? for_high : high;
    unknown |= known ? T{0} : T{1};
  }
  return {low, high, unknown != 0};
}

template <typename T>
FT_VECTORISED void subtract(const T* values, const T* references, T base, size_t count, T* codes) {
  for (size_t i = 0; i < count; i++) codes[i] = static_cast<T>(values[i] - references[i] - base);
}

template <typename T>
FT_VECTORISED void subtract_unless_zero(const T* values, const T* references, T base, size_t count,
                                        T* codes) {
  for (size_t i = 0; i < count; i++)
    codes[i] = values[i] != 0 ? static_cast<T>(values[i] - references[i] - base) : T{0};
}

template <typename T>
FT_VECTORISED void subtract_base(const T* values, T base, size_t count, T* codes) {
  for (size_t i = 0; i < count; i++) codes[i] = static_cast<T>(values[i] - base);
}

template <typename T>
FT_VECTORISED void take_plane(const T* codes, unsigned shift, size_t count, uint8_t* plane) {
  for (size_t i = 0; i < count; i++) plane[i] = static_cast<uint8_t>(codes[i] >> shift);
}

FT_VECTORISED void keep_known(const uint64_t* times, size_t count, uint64_t* last) {
  for (size_t i = 0; i < count; i++) last[i] = times[i] != 0 ? times[i] : last[i];
}

template <typename T>
void transpose(const ft_request* rows, size_t count, size_t offset, T* column) {
  const auto* bytes = reinterpret_cast<const unsigned char*>(rows) + offset;
  for (size_t i = 0; i < count; i++)
    std::memcpy(&column[i], bytes + i * sizeof(ft_request), sizeof(T));
}

}  // namespace

RequestColumnsEncoder::RequestColumnsEncoder(uint32_t capacity)
    : capacity_(capacity),
      columns_(capacity * sizeof(ft_request)),
      last_time_(capacity),
      references_(capacity),
      codes_(capacity * sizeof(uint64_t)),
      planes_(capacity * sizeof(ft_request)) {
  const auto offsets = request_fields::column_offsets(capacity);
  column_offsets_.assign(offsets.begin(), offsets.end());
}

size_t RequestColumnsEncoder::append(std::span<const ft_request> requests) {
  const size_t taken = std::min<size_t>(requests.size(), capacity_ - count_);
  // So many rows at a time as fit the first-level cache.
  constexpr size_t tile = 128;
  for (size_t done = 0; done < taken; done += tile) {
    const size_t n = std::min(tile, taken - done);
    const ft_request* rows = requests.data() + done;
    for (size_t f = 0; f < fields.size(); f++) {
      const size_t offset = fields[f].offset;
      switch (fields[f].size) {
        case 8:
          transpose(rows, n, offset, column<uint64_t>(f) + count_);
          break;
        case 4:
          transpose(rows, n, offset, column<uint32_t>(f) + count_);
          break;
        case 2:
          transpose(rows, n, offset, column<uint16_t>(f) + count_);
          break;
        default:
          transpose(rows, n, offset, column<uint8_t>(f) + count_);
          break;
      }
    }
    count_ += static_cast<uint32_t>(n);
  }
  return taken;
}

EncodedColumns RequestColumnsEncoder::encode() {
  directory_.assign(sizeof(uint32_t), 0);
  planes_bytes_ = 0;
  std::fill_n(last_time_.begin(), count_, 0);
  for (size_t f = 0; f < fields.size(); f++) {
    switch (fields[f].size) {
      case 8:
        encode_column<uint64_t>(f);
        break;
      case 4:
        encode_column<uint32_t>(f);
        break;
      case 2:
        encode_column<uint16_t>(f);
        break;
      default:
        encode_column<uint8_t>(f);
        break;
    }
  }
  const auto directory_bytes = static_cast<uint32_t>(directory_.size());
  std::memcpy(directory_.data(), &directory_bytes, sizeof(directory_bytes));
  EncodedColumns result{directory_, std::span(planes_).first(planes_bytes_), count_, 0, 0};
  if (count_ > 0) {
    const uint64_t* queued = column<uint64_t>(0);
    result.first_ns = *std::min_element(queued, queued + count_);
    result.last_ns = *std::max_element(last_time_.begin(), last_time_.begin() + count_);
  }
  count_ = 0;
  return result;
}

template <typename T>
void RequestColumnsEncoder::encode_column(size_t field) {
  const T* values = column<T>(field);
  if (fields[field].reference == Reference::none || !encode_relative<T>(field, values))
    encode_plain<T>(field, values);

  if constexpr (std::is_same_v<T, uint64_t>) {
    const Reference reference = fields[field].reference;
    if (reference == Reference::last_time || field == 0)
      keep_known(values, count_, last_time_.data());
  }
}

template <typename T>
const T* RequestColumnsEncoder::references(size_t field, const T* values) {
  if (fields[field].reference == Reference::field) return column<T>(fields[field].reference_field);
  if constexpr (std::is_same_v<T, uint64_t>) {
    if (fields[field].reference == Reference::last_time) return last_time_.data();
    if (fields[field].reference == Reference::previous_row) {
      references_[0] = values[0];
      std::copy_n(values, count_ - 1, references_.begin() + 1);
    } else {
      uint64_t last[connection_slots];
      std::fill_n(last, connection_slots, values[0]);
      const uint32_t* connections = column<uint32_t>(connection_field);
      for (size_t i = 0; i < count_; i++) {
        uint64_t& slot = last[connections[i] % connection_slots];
        references_[i] = slot;
        slot = values[i];
      }
    }
    return references_.data();
  }
  return values;  // not reached: only times and unique have the other references
}

template <typename T>
bool RequestColumnsEncoder::encode_relative(size_t field, const T* values) {
  if (count_ == 0) return false;
  const T* reference = references<T>(field, values);
  const T zero_counts = fields[field].zero_is_unknown ? T{0} : static_cast<T>(~T{0});
  const auto range = range_of_differences(values, reference, count_, zero_counts);
  if (range.low > range.high) return false;  // all unknown: a plain column of width 0
  const T base = static_cast<T>(range.low);
  const T extent = static_cast<T>(static_cast<T>(range.high) - base);
  // No code is left for unknown when the differences span the whole type.
  if (range.unknown && extent == std::numeric_limits<T>::max()) return false;
  const unsigned width = bytes_for(static_cast<uint64_t>(extent) + range.unknown);
  if (sizeof(T) < 8 && width > bytes_for(range_of(values, count_).extent)) return false;

  const uint64_t start = sizeof(T) == 8 ? static_cast<uint64_t>(values[0]) : 0;
  T* codes = reinterpret_cast<T*>(codes_.data());
  if (range.unknown) {
    subtract_unless_zero(values, reference, static_cast<T>(base - 1), count_, codes);
    put_header(field, mode_relative_or_zero, width, base, start);
  } else {
    subtract(values, reference, base, count_, codes);
    put_header(field, mode_relative, width, base, start);
  }
  put_planes(codes, width);
  return true;
}

template <typename T>
void RequestColumnsEncoder::encode_plain(size_t field, const T* values) {
  const Range<T> range = count_ > 0 ? range_of(values, count_) : Range<T>{};
  const unsigned width = bytes_for(range.extent);
  if (width > 1 && fields[field].few_values && encode_dictionary<T>(field, values)) return;
  T* codes = reinterpret_cast<T*>(codes_.data());
  subtract_base(values, range.base, count_, codes);
  put_header(field, mode_plain, width, range.base, 0);
  put_planes(codes, width);
}

template <typename T>
bool RequestColumnsEncoder::encode_dictionary(size_t field, const T* values) {
  constexpr size_t slots = 1024;
  constexpr uint16_t empty = 0xffff;
  uint64_t entries[256];
  uint16_t table[slots];
  std::fill_n(table, slots, empty);
  size_t size = 0;
  auto* codes = reinterpret_cast<uint8_t*>(codes_.data());
  for (size_t i = 0; i < count_; i++) {
    const uint64_t value = values[i];
    size_t slot = value * 0x9e3779b97f4a7c15u >> 54;
    while (table[slot] != empty && entries[table[slot]] != value) slot = (slot + 1) % slots;
    if (table[slot] == empty) {
      if (size == 256) return false;
      entries[size] = value;
      table[slot] = static_cast<uint16_t>(size++);
    }
    codes[i] = static_cast<uint8_t>(table[slot]);
  }
  put_header(field, mode_dictionary, 1, size, 0);
  const auto* bytes = reinterpret_cast<const uint8_t*>(entries);
  directory_.insert(directory_.end(), bytes, bytes + size * sizeof(uint64_t));
  put_planes(codes, 1);
  return true;
}

void RequestColumnsEncoder::put_header(size_t field, uint8_t mode, unsigned width, uint64_t base,
                                       uint64_t start) {
  ColumnHeader header{};
  header.id = fields[field].id;
  header.mode = mode;
  header.width = static_cast<uint8_t>(width);
  header.base = base;
  header.start = start;
  const auto* bytes = reinterpret_cast<const uint8_t*>(&header);
  directory_.insert(directory_.end(), bytes, bytes + sizeof(header));
}

template <typename T>
void RequestColumnsEncoder::put_planes(const T* codes, unsigned width) {
  for (unsigned plane = 0; plane < width; plane++) {
    take_plane(codes, 8 * plane, count_, planes_.data() + planes_bytes_);
    planes_bytes_ += count_;
  }
}

}  // namespace fusetrace
