// SPDX-License-Identifier: Apache-2.0
// Mount tables, and which mount a path lies on, found from the table alone: a file system
// whose server hangs would hang whoever looks at a path in it.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "model/error.h"

namespace fusetrace {

// A line of mountinfo (proc_pid_mountinfo(5)), its escapes undone.
struct Mount {
  int id = 0;
  int parent = 0;
  uint32_t device = 0;  // as fuse_conn.dev has it: major << 20 | minor
  std::string root;     // the part of the file system that is mounted: "/" is all of it
  std::string target;   // mount point
  std::string fstype;
  std::string source;
};

bool is_fuse_type(const std::string& fstype);

class MountTable {
 public:
  // A whole mountinfo file. Lines that are none are skipped.
  static MountTable parse(const std::string& text);
  // That of a process, or of "self". Empty when it cannot be read.
  static MountTable of_process(const std::string& pid);

  // In the order of the file.
  const std::vector<Mount>& mounts() const { return mounts_; }

  // The mount that stat(2) would find this path on: of several mounts over one another
  // the topmost, and none that another one hides. The path is absolute, without ".", ".."
  // and symbolic links. Null only when the table is empty.
  const Mount* covering(const std::string& path) const;

 private:
  const Mount* child_at(const Mount& parent, const std::string& target) const;

  std::vector<Mount> mounts_;
};

// Reads a symbolic link; nothing when it is none or cannot be read.
using ReadLink = std::function<std::optional<std::string>(const std::string&)>;
std::optional<std::string> read_link(const std::string& path);

// The path without ".", ".." and symbolic links, for MountTable::covering(). Links are read
// only where no FUSE file system and no automounter is asked. The rest of a path that has
// reached one is taken as it is written. Errors: more than 40 links, as the kernel allows.
Result<std::string> resolve_path(const std::string& absolute, const MountTable& table,
                                 const ReadLink& read);

// The path with the working directory before it where it is relative. Touches no file
// system: the kernel tells the working directory from its own memory. Errors: the working
// directory cannot be told (it was deleted, or lies outside the root directory).
Result<std::string> absolute_path(const std::string& path);

// An absolute path without ".", ".." and doubled or trailing slashes, by its text alone.
std::string normal_path(const std::string& absolute);

}  // namespace fusetrace
