// SPDX-License-Identifier: Apache-2.0
// Columns to requests, a tile of rows at a time so that both forms of it stay
// in the first-level cache. The bytes may be damaged in any way: nothing here
// trusts a size or a code.
#include <algorithm>
#include <cstring>
#include <type_traits>

#include "recording/request_columns.h"
#include "recording/request_fields.h"
#include "recording/vectorised.h"

namespace fusetrace {

using namespace request_fields;

namespace {

constexpr size_t tile_rows = 128;
constexpr auto tile_offsets = column_offsets(tile_rows);

struct Column {
  bool present = false;
  ColumnHeader header{};
  const uint8_t* dictionary = nullptr;
  const uint8_t* planes = nullptr;
};

// Finds the columns; those with an id that this version does not know are
// skipped. False when sizes do not add up or a column is missing.
bool find_columns(std::span<const uint8_t> bytes, size_t count,
                  std::array<Column, fields.size()>& columns) {
  uint32_t directory_bytes;
  if (bytes.size() < sizeof(directory_bytes)) return false;
  std::memcpy(&directory_bytes, bytes.data(), sizeof(directory_bytes));
  if (directory_bytes < sizeof(directory_bytes) || directory_bytes > bytes.size()) return false;
  auto directory =
      bytes.subspan(sizeof(directory_bytes), directory_bytes - sizeof(directory_bytes));
  auto planes = bytes.subspan(directory_bytes);

  while (!directory.empty()) {
    ColumnHeader header;
    if (directory.size() < sizeof(header)) return false;
    std::memcpy(&header, directory.data(), sizeof(header));
    directory = directory.subspan(sizeof(header));
    const uint8_t* dictionary = directory.data();
    if (header.mode == mode_dictionary) {
      if (header.width != 1 || header.base > directory.size() / sizeof(uint64_t)) return false;
      directory = directory.subspan(header.base * sizeof(uint64_t));
    }
    if (header.width * count > planes.size()) return false;
    if (header.id >= 1 && header.id <= max_id) {
      const Field& field = fields[header.id - 1u];
      if (header.width > field.size || header.mode > mode_dictionary) return false;
      const bool relative = header.mode == mode_relative || header.mode == mode_relative_or_zero;
      if (relative && field.reference == Reference::none) return false;
      columns[header.id - 1u] = {true, header, dictionary, planes.data()};
    }
    planes = planes.subspan(header.width * count);
  }
  return std::all_of(columns.begin(), columns.end(), [](const Column& c) { return c.present; });
}

template <typename T, unsigned width>
FT_VECTORISED void join_planes(const uint8_t* planes, size_t stride, size_t rows, T* codes) {
  for (size_t i = 0; i < rows; i++) {
    T code = 0;
    for (unsigned p = 0; p < width; p++)
      code = static_cast<T>(code | static_cast<T>(static_cast<T>(planes[p * stride + i]) << 8 * p));
    codes[i] = code;
  }
}

template <typename T>
void join_planes(const uint8_t* planes, unsigned width, size_t stride, size_t rows, T* codes) {
  switch (width) {
    case 0:
      std::fill_n(codes, rows, T{0});
      return;
    case 1:
      join_planes<T, 1>(planes, stride, rows, codes);
      return;
    case 2:
      join_planes<T, std::min<unsigned>(2, sizeof(T))>(planes, stride, rows, codes);
      return;
    case 3:
      join_planes<T, std::min<unsigned>(3, sizeof(T))>(planes, stride, rows, codes);
      return;
    case 4:
      join_planes<T, std::min<unsigned>(4, sizeof(T))>(planes, stride, rows, codes);
      return;
    case 5:
      join_planes<T, std::min<unsigned>(5, sizeof(T))>(planes, stride, rows, codes);
      return;
    case 6:
      join_planes<T, std::min<unsigned>(6, sizeof(T))>(planes, stride, rows, codes);
      return;
    case 7:
      join_planes<T, std::min<unsigned>(7, sizeof(T))>(planes, stride, rows, codes);
      return;
    default:
      join_planes<T, sizeof(T)>(planes, stride, rows, codes);
      return;
  }
}

template <typename T>
FT_VECTORISED void add_base(T* values, T base, size_t count) {
  for (size_t i = 0; i < count; i++) values[i] = static_cast<T>(values[i] + base);
}

template <typename T>
FT_VECTORISED void add(T* values, const T* references, T base, size_t count) {
  for (size_t i = 0; i < count; i++) values[i] = static_cast<T>(values[i] + references[i] + base);
}

template <typename T>
FT_VECTORISED void add_unless_zero(T* values, const T* references, T base, size_t count) {
  for (size_t i = 0; i < count; i++)
    values[i] = values[i] != 0 ? static_cast<T>(values[i] + references[i] + base) : T{0};
}

FT_VECTORISED void keep_known(const uint64_t* times, size_t count, uint64_t* last) {
  for (size_t i = 0; i < count; i++) last[i] = times[i] != 0 ? times[i] : last[i];
}

// The tile under work, and what one tile hands to the next.
class TileDecoder {
 public:
  explicit TileDecoder(const std::array<Column, fields.size()>& columns, size_t count)
      : columns_(columns), count_(count) {
    previous_queued_ = columns[0].header.start;
    for (size_t f = 0; f < fields.size(); f++)
      if (fields[f].reference == Reference::previous_of_connection)
        std::fill_n(last_of_connection_, connection_slots, columns[f].header.start);
  }

  void decode(size_t first, size_t rows, ft_request* out) {
    first_ = first;
    rows_ = rows;
    std::fill_n(last_time_, rows, 0);
    for (size_t f = 0; f < fields.size(); f++) {
      switch (fields[f].size) {
        case 8:
          decode_column<uint64_t>(f, out);
          break;
        case 4:
          decode_column<uint32_t>(f, out);
          break;
        case 2:
          decode_column<uint16_t>(f, out);
          break;
        default:
          decode_column<uint8_t>(f, out);
          break;
      }
    }
  }

 private:
  template <typename T>
  T* tile_column(size_t field) {
    return reinterpret_cast<T*>(tile_ + tile_offsets[field]);
  }

  template <typename T>
  void decode_column(size_t f, ft_request* out) {
    const Column& column = columns_[f];
    T* values = tile_column<T>(f);
    const uint8_t* planes = column.planes + first_;
    const T base = static_cast<T>(column.header.base);
    if (column.header.mode == mode_dictionary) {
      for (size_t i = 0; i < rows_; i++) values[i] = look_up<T>(column, planes[i]);
    } else {
      join_planes<T>(planes, column.header.width, count_, rows_, values);
      if (column.header.mode == mode_plain) {
        add_base(values, base, rows_);
      } else {
        add_references(f, values, base, column.header.mode == mode_relative_or_zero);
      }
    }
    if constexpr (std::is_same_v<T, uint64_t>) remember(f, values);

    auto* bytes = reinterpret_cast<unsigned char*>(out) + fields[f].offset;
    for (size_t i = 0; i < rows_; i++)
      std::memcpy(bytes + i * sizeof(ft_request), &values[i], sizeof(T));
  }

  template <typename T>
  T look_up(const Column& column, uint8_t code) const {
    uint64_t value = 0;
    if (code < column.header.base)
      std::memcpy(&value, column.dictionary + code * sizeof(value), sizeof(value));
    return static_cast<T>(value);
  }

  template <typename T>
  void add_all(T* values, const T* references, T base, bool or_zero) {
    if (or_zero)
      add_unless_zero(values, references, static_cast<T>(base - 1), rows_);
    else
      add(values, references, base, rows_);
  }

  template <typename T>
  void add_references(size_t f, T* values, T base, bool or_zero) {
    if (fields[f].reference == Reference::field) {
      add_all(values, tile_column<T>(fields[f].reference_field), base, or_zero);
      return;
    }
    if constexpr (std::is_same_v<T, uint64_t>) {
      if (fields[f].reference == Reference::last_time) {
        add_all(values, last_time_, base, or_zero);
      } else if (fields[f].reference == Reference::previous_row) {
        uint64_t previous = previous_queued_;
        for (size_t i = 0; i < rows_; i++) {
          previous = or_zero && values[i] == 0 ? 0 : previous + base + values[i] - or_zero;
          values[i] = previous;
        }
      } else {
        const uint32_t* connections = tile_column<uint32_t>(connection_field);
        for (size_t i = 0; i < rows_; i++) {
          uint64_t& last = last_of_connection_[connections[i] % connection_slots];
          values[i] = or_zero && values[i] == 0 ? 0 : last + base + values[i] - or_zero;
          last = values[i];
        }
      }
    }
  }

  // Keeps what later columns and tiles refer to.
  void remember(size_t f, const uint64_t* values) {
    if (f == 0) previous_queued_ = values[rows_ - 1];
    if (f != 0 && fields[f].reference != Reference::last_time) return;
    keep_known(values, rows_, last_time_);
  }

  const std::array<Column, fields.size()>& columns_;
  size_t count_;
  size_t first_ = 0;
  size_t rows_ = 0;
  uint64_t previous_queued_;
  uint64_t last_of_connection_[connection_slots];
  uint64_t last_time_[tile_rows];
  alignas(uint64_t) std::byte tile_[tile_rows * sizeof(ft_request)];
};

}  // namespace

bool decode_request_columns(std::span<const uint8_t> bytes, std::span<ft_request> rows) {
  std::array<Column, fields.size()> columns;
  if (!find_columns(bytes, rows.size(), columns)) return false;
  TileDecoder decoder(columns, rows.size());
  for (size_t first = 0; first < rows.size(); first += tile_rows)
    decoder.decode(first, std::min(tile_rows, rows.size() - first), rows.data() + first);
  return true;
}

}  // namespace fusetrace
