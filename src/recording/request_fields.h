// SPDX-License-Identifier: Apache-2.0
// The columns of a block of requests: which field of ft_request each one holds
// and what its values are stored relative to. Shared by encoder and decoder.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "fusetrace.h"

namespace fusetrace::request_fields {

// What a value is predicted to be; the difference is what is stored.
enum class Reference : uint8_t {
  none,
  previous_row,            // the same field of the row before
  previous_of_connection,  // of the last row before it with the same connection % 64
  last_time,               // the row's last known point of time in an earlier column
  field,                   // another field of the row
};

struct Field {
  uint8_t id;  // in the file; never reused
  uint8_t offset;
  uint8_t size;
  Reference reference = Reference::none;
  uint8_t reference_field = 0;   // position in `fields`, before this one
  bool zero_is_unknown = false;  // 0 stands for itself, whatever the reference is
  bool few_values = false;       // worth a dictionary when a byte does not hold the range
};

// How a column is stored (first byte after its id).
enum Mode : uint8_t {
  mode_plain = 0,             // value = base + code
  mode_relative = 1,          // value = reference + base + code
  mode_relative_or_zero = 2,  // value = 0 for code 0, else reference + base + code - 1
  mode_dictionary = 3,        // value = dictionary[code]; base is the number of entries
};

// Before each column's planes. start is the reference of the first row where
// that is a row before it.
struct ColumnHeader {
  uint8_t id;
  uint8_t mode;
  uint8_t width;  // byte planes
  uint8_t reserved;
  uint32_t reserved2;
  uint64_t base;
  uint64_t start;
};
static_assert(sizeof(ColumnHeader) == 24);

inline constexpr unsigned connection_slots = 64;

#define FT_FIELD(id, member, ...) \
  Field { id, offsetof(ft_request, member), sizeof(ft_request::member), __VA_ARGS__ }

// A reference to a field names its position in this list.
inline constexpr std::array fields = {
    // Points of time, in the order of a request's life.
    /*  0 */ FT_FIELD(1, queued_ns, Reference::previous_row),
    /*  1 */ FT_FIELD(2, server_waking_ns, Reference::last_time, 0, true),
    /*  2 */ FT_FIELD(3, server_running_ns, Reference::last_time, 0, true),
    /*  3 */ FT_FIELD(4, picked_up_ns, Reference::last_time, 0, true),
    /*  4 */ FT_FIELD(5, replied_ns, Reference::last_time, 0, true),
    /*  5 */ FT_FIELD(6, client_waking_ns, Reference::last_time, 0, true),
    /*  6 */ FT_FIELD(7, resumed_ns, Reference::last_time, 0, true),

    /*  7 */ FT_FIELD(8, connection, Reference::none, 0, false, true),
    /*  8 */ FT_FIELD(9, unique, Reference::previous_of_connection),
    /*  9 */ FT_FIELD(10, nodeid, Reference::none, 0, false, true),
    /* 10 */ FT_FIELD(11, opcode, Reference::none, 0, false, true),
    /* 11 */ FT_FIELD(12, error, Reference::none),
    /* 12 */ FT_FIELD(13, bytes_in, Reference::none, 0, false, true),
    /* 13 */ FT_FIELD(14, bytes_out, Reference::none, 0, false, true),

    /* 14 */ FT_FIELD(15, client_tid, Reference::none, 0, false, true),
    /* 15 */ FT_FIELD(16, server_tid, Reference::none, 0, false, true),
    /* 16 */ FT_FIELD(17, replier_tid, Reference::field, 15, true),
    /* 17 */ FT_FIELD(18, woken_tid, Reference::field, 15, true),

    /* 18 */ FT_FIELD(19, flags, Reference::none, 0, false, true),

    /* 19 */ FT_FIELD(20, client_cpu, Reference::none),
    /* 20 */ FT_FIELD(21, server_cpu, Reference::none),
    /* 21 */ FT_FIELD(22, reply_cpu, Reference::field, 20),
    /* 22 */ FT_FIELD(23, resume_cpu, Reference::field, 19),
    /* 23 */ FT_FIELD(24, server_target_cpu, Reference::field, 20),
    /* 24 */ FT_FIELD(25, server_prev_cpu, Reference::field, 23),
    /* 25 */ FT_FIELD(26, server_waker_cpu, Reference::field, 19),
    /* 26 */ FT_FIELD(27, client_target_cpu, Reference::field, 22),
    /* 27 */ FT_FIELD(28, client_prev_cpu, Reference::field, 26),
    /* 28 */ FT_FIELD(29, client_waker_cpu, Reference::field, 21),

    /* 29 */ FT_FIELD(30, shard, Reference::none),
    /* 30 */ FT_FIELD(31, reserved, Reference::none),
    /* 31 */ FT_FIELD(32, kind, Reference::none),
    /* 32 */ FT_FIELD(33, transport, Reference::none),
    /* 33 */ FT_FIELD(34, pickup, Reference::none),
    /* 34 */ FT_FIELD(35, migrations_server_waiting, Reference::none),
    /* 35 */ FT_FIELD(36, migrations_server_serving, Reference::none),
    /* 36 */ FT_FIELD(37, migrations_client_waiting, Reference::none),
    /* 37 */ FT_FIELD(38, reserved2[0], Reference::none),
    /* 38 */ FT_FIELD(39, reserved2[1], Reference::none),
};
#undef FT_FIELD

inline constexpr size_t connection_field = 7;
inline constexpr uint8_t max_id = fields.back().id;

// Every byte of a request is in exactly one column.
consteval bool cover_the_request() {
  std::array<bool, sizeof(ft_request)> seen{};
  size_t bytes = 0;
  for (size_t i = 0; i < fields.size(); i++) {
    if (fields[i].id != i + 1 || (i > 0 && fields[i].reference_field >= i)) return false;
    for (size_t b = 0; b < fields[i].size; b++, bytes++) {
      if (seen[fields[i].offset + b]) return false;
      seen[fields[i].offset + b] = true;
    }
  }
  return bytes == sizeof(ft_request);
}
static_assert(cover_the_request());

// Where column i begins when columns of `rows` rows lie one after the other in
// one buffer, widest first, so that each is aligned.
constexpr std::array<size_t, fields.size()> column_offsets(size_t rows) {
  std::array<size_t, fields.size()> offsets{};
  size_t offset = 0;
  for (size_t size : {8, 4, 2, 1}) {
    for (size_t i = 0; i < fields.size(); i++) {
      if (fields[i].size != size) continue;
      offsets[i] = offset;
      offset += size * rows;
    }
  }
  return offsets;
}

}  // namespace fusetrace::request_fields
