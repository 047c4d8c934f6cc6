// SPDX-License-Identifier: Apache-2.0
// The file system that the bench serves, independent of how messages reach it. It counts each
// message with the CPU on which it was read, and makes the reply.
//
// The root holds, for each client i, a file "data-i", and a file "name-i" that
// is only ever looked up. Names and attributes are not cached by the kernel
// (timeout 0), except the attributes of name-i, so that a stat of it makes a
// LOOKUP and no GETATTR after it.
#pragma once

#include <linux/fuse.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "bench/bench.h"
#include "bench/shared_memory.h"

namespace fusetrace {

// Bytes of every READ and WRITE of a client.
inline constexpr uint32_t bench_io_bytes = 4096;
// What the kernel may send in one WRITE.
inline constexpr uint32_t bench_max_write_bytes = 16384;

// What every READ returns.
alignas(4096) inline constexpr std::array<char, bench_io_bytes> bench_zeros{};

// FUSE_INIT's 64 bits of flags, of which the upper half has a word of its own.
inline constexpr uint64_t fuse_over_io_uring = uint64_t{1} << 41;

// A message from the kernel, not yet answered.
struct Message {
  fuse_in_header header;
  const void* argument = nullptr;  // the opcode's own structure, if it has one
  std::string_view name;           // of a LOOKUP
};

// The part of a reply after its header; at most one member is in use.
union ReplyBody {
  fuse_init_out init;
  fuse_attr_out attr;
  fuse_entry_out entry;
  fuse_open_out open;
  fuse_write_out write;
};

// A reply as it goes over the wire. In one piece and on one page, since the
// kernel looks up the page anew for each piece that it copies.
struct alignas(256) Reply {
  fuse_out_header header;
  ReplyBody body;
};
static_assert(offsetof(Reply, body) == sizeof(fuse_out_header) && sizeof(Reply) == 256);

// One server thread's view of it.
class FileSystem {
 public:
  // Counts into the memory's place for server `index`.
  FileSystem(const BenchOptions& options, SharedMemory& memory, unsigned index);

  // To be called at once when a message was read, on the CPU where it was.
  // Fills in the reply, its length without data; false where the protocol wants
  // none.
  bool answer(const Message& message, Reply& reply);
  // Zeros that go with the reply to the last message, for a READ.
  size_t data_bytes() const { return data_bytes_; }
  // To be called just before the reply is sent.
  void replying();
  // The thread cannot go on.
  void give_up(int error);

 private:
  void count(const fuse_in_header& request);
  bool fill_in(const Message& message, Reply& reply);
  void init(const fuse_init_in& in, Reply& reply) const;

  const BenchOptions& options_;
  SharedMemory& memory_;
  ServerCounts& counts_;
  std::span<uint64_t> matrix_;
  const uint32_t cpus_;
  size_t data_bytes_ = 0;
  int client_ = -1;  // who sent the last message, if one of our clients
};

}  // namespace fusetrace
