// SPDX-License-Identifier: Apache-2.0
#include "model/opcode.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>

#include "model/limits.h"

namespace fusetrace {
namespace {

struct Entry {
  uint32_t number;
  std::string_view name;
};

// enum fuse_opcode of include/uapi/linux/fuse.h. Numbers, because the header of
// the build machine may be older than the kernel that is traced.
constexpr std::array<Entry, 54> opcodes = {{
    {1, "LOOKUP"},
    {2, "FORGET"},
    {3, "GETATTR"},
    {4, "SETATTR"},
    {5, "READLINK"},
    {6, "SYMLINK"},
    {8, "MKNOD"},
    {9, "MKDIR"},
    {10, "UNLINK"},
    {11, "RMDIR"},
    {12, "RENAME"},
    {13, "LINK"},
    {14, "OPEN"},
    {15, "READ"},
    {16, "WRITE"},
    {17, "STATFS"},
    {18, "RELEASE"},
    {20, "FSYNC"},
    {21, "SETXATTR"},
    {22, "GETXATTR"},
    {23, "LISTXATTR"},
    {24, "REMOVEXATTR"},
    {25, "FLUSH"},
    {26, "INIT"},
    {27, "OPENDIR"},
    {28, "READDIR"},
    {29, "RELEASEDIR"},
    {30, "FSYNCDIR"},
    {31, "GETLK"},
    {32, "SETLK"},
    {33, "SETLKW"},
    {34, "ACCESS"},
    {35, "CREATE"},
    {36, "INTERRUPT"},
    {37, "BMAP"},
    {38, "DESTROY"},
    {39, "IOCTL"},
    {40, "POLL"},
    {41, "NOTIFY_REPLY"},
    {42, "BATCH_FORGET"},
    {43, "FALLOCATE"},
    {44, "READDIRPLUS"},
    {45, "RENAME2"},
    {46, "LSEEK"},
    {47, "COPY_FILE_RANGE"},
    {48, "SETUPMAPPING"},
    {49, "REMOVEMAPPING"},
    {50, "SYNCFS"},
    {51, "TMPFILE"},
    {52, "STATX"},
    {53, "COPY_FILE_RANGE_64"},
    {4096, "CUSE_INIT"},
    {1048576, "CUSE_INIT_BSWAP"},
    {16777216, "INIT_BSWAP"},
}};

constexpr std::string_view unknown_prefix = "OPCODE_";

}  // namespace

bool has_opcode_name(uint32_t opcode) {
  return std::any_of(opcodes.begin(), opcodes.end(),
                     [&](const Entry& e) { return e.number == opcode; });
}

std::string opcode_name(uint32_t opcode) {
  const auto found = std::find_if(opcodes.begin(), opcodes.end(),
                                  [&](const Entry& e) { return e.number == opcode; });
  if (found != opcodes.end()) return std::string(found->name);
  if (opcode == limits::other) return "OTHER";
  return std::string(unknown_prefix) + std::to_string(opcode);
}

std::optional<uint32_t> opcode_number(std::string_view name) {
  std::string upper(name);
  std::transform(upper.begin(), upper.end(), upper.begin(),
                 [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  std::string_view wanted = upper;
  if (wanted.starts_with("FUSE_")) wanted.remove_prefix(5);
  for (const Entry& entry : opcodes) {
    if (entry.name == wanted) return entry.number;
  }
  if (wanted.starts_with(unknown_prefix)) {
    wanted.remove_prefix(unknown_prefix.size());
    uint32_t number = 0;
    const auto [end, error] = std::from_chars(wanted.data(), wanted.data() + wanted.size(), number);
    if (error == std::errc() && end == wanted.data() + wanted.size()) return number;
  }
  return std::nullopt;
}

}  // namespace fusetrace
