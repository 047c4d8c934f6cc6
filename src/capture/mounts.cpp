// SPDX-License-Identifier: Apache-2.0
#include "capture/mounts.h"

#include <fmt/format.h>
#include <libmount/libmount.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstring>
#include <deque>
#include <fstream>
#include <iterator>
#include <memory>
#include <sstream>

namespace fusetrace {
namespace {

struct TableDeleter {
  void operator()(libmnt_table* table) const { mnt_unref_table(table); }
};
struct IteratorDeleter {
  void operator()(libmnt_iter* iterator) const { mnt_free_iter(iterator); }
};
struct FileCloser {
  void operator()(FILE* file) const { fclose(file); }
};

std::string text_or_empty(const char* text) { return text == nullptr ? "" : text; }

// A line that libmount does not understand is passed over.
int skip_line(libmnt_table*, const char*, int) { return 1; }

// The lines of mountinfo that have its separator: at another one libmount gives up the rest.
std::string mount_lines(const std::string& text) {
  std::string out;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) {
    if (line.find(" - ") != std::string::npos) out += line + "\n";
  }
  return out;
}

std::deque<std::string> components_of(const std::string& path) {
  std::deque<std::string> out;
  std::istringstream in(path);
  for (std::string name; std::getline(in, name, '/');) {
    if (!name.empty() && name != ".") out.push_back(name);
  }
  return out;
}

std::string parent_of(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == 0 || slash == std::string::npos ? "/" : path.substr(0, slash);
}

std::string join(const std::string& folder, const std::string& name) {
  return folder == "/" ? "/" + name : folder + "/" + name;
}

// Not to be asked: a server that hangs, or an automounter that would mount something.
bool may_hang(const Mount* mount) {
  return mount != nullptr && (is_fuse_type(mount->fstype) || mount->fstype == "autofs");
}

}  // namespace

bool is_fuse_type(const std::string& fstype) {
  return fstype == "fuse" || fstype == "fuseblk" || fstype.starts_with("fuse.") ||
         fstype.starts_with("fuseblk.") || fstype == "virtiofs";
}

MountTable MountTable::parse(const std::string& all) {
  MountTable out;
  const std::string text = mount_lines(all);
  if (text.empty()) return out;
  const std::unique_ptr<FILE, FileCloser> file(
      fmemopen(const_cast<char*>(text.data()), text.size(), "r"));
  // Without a cache, libmount resolves no path and asks no file system.
  const std::unique_ptr<libmnt_table, TableDeleter> table(mnt_new_table());
  const std::unique_ptr<libmnt_iter, IteratorDeleter> lines(mnt_new_iter(MNT_ITER_FORWARD));
  if (!file || !table || !lines) return out;
  mnt_table_set_parser_errcb(table.get(), skip_line);
  mnt_table_parse_stream(table.get(), file.get(), "mountinfo");
  libmnt_fs* line = nullptr;
  while (mnt_table_next_fs(table.get(), lines.get(), &line) == 0) {
    const dev_t device = mnt_fs_get_devno(line);
    Mount& mount = out.mounts_.emplace_back();
    mount.id = mnt_fs_get_id(line);
    mount.parent = mnt_fs_get_parent_id(line);
    mount.device = static_cast<uint32_t>(major(device) << 20 | minor(device));
    mount.root = text_or_empty(mnt_fs_get_root(line));
    mount.target = text_or_empty(mnt_fs_get_target(line));
    mount.fstype = text_or_empty(mnt_fs_get_fstype(line));
    mount.source = text_or_empty(mnt_fs_get_srcpath(line));
    if (mount.source.empty()) mount.source = text_or_empty(mnt_fs_get_source(line));
  }
  return out;
}

MountTable MountTable::of_process(const std::string& pid) {
  std::ifstream in("/proc/" + pid + "/mountinfo", std::ios::binary);
  return parse({std::istreambuf_iterator<char>(in), {}});
}

const Mount* MountTable::child_at(const Mount& parent, const std::string& target) const {
  const Mount* found = nullptr;
  for (const Mount& mount : mounts_) {
    if (mount.parent == parent.id && mount.id != parent.id && mount.target == target) {
      found = &mount;
    }
  }
  return found;
}

const Mount* MountTable::covering(const std::string& path) const {
  auto has_parent = [this](const Mount& mount) {
    for (const Mount& other : mounts_) {
      if (other.id == mount.parent && other.id != mount.id) return true;
    }
    return false;
  };
  const Mount* current = nullptr;
  for (const Mount& mount : mounts_) {
    if (mount.target == "/" && !has_parent(mount)) current = &mount;
  }
  if (current == nullptr) {
    // A process in a root directory that is not a mount point: the kernel shows only what
    // is mounted below, each with a parent that is not shown.
    std::string at;
    for (const std::string& name : components_of(path)) {
      at += "/" + name;
      for (const Mount& mount : mounts_) {
        if (mount.target == at && !has_parent(mount)) current = &mount;
      }
      if (current != nullptr) break;
    }
    if (current == nullptr) return nullptr;
  }
  std::string at = "/";
  auto climb = [&] {
    while (const Mount* above = child_at(*current, at)) current = above;
  };
  climb();
  for (const std::string& name : components_of(path)) {
    at = join(at, name);
    climb();
  }
  return current;
}

std::optional<std::string> read_link(const std::string& path) {
  char target[PATH_MAX];
  const ssize_t length = readlink(path.c_str(), target, sizeof(target));
  if (length <= 0) return std::nullopt;
  return std::string(target, static_cast<size_t>(length));
}

Result<std::string> resolve_path(const std::string& absolute, const MountTable& table,
                                 const ReadLink& read) {
  constexpr int most_links = 40;  // MAXSYMLINKS in include/linux/namei.h
  int links = 0;
  std::string done = "/";
  std::deque<std::string> left = components_of(absolute);
  while (!left.empty()) {
    const std::string name = left.front();
    left.pop_front();
    if (name == "..") {
      done = parent_of(done);
      continue;
    }
    const std::string next = join(done, name);
    const Mount* folder = table.covering(done);
    const Mount* itself = table.covering(next);
    // Where a mount begins there is a directory and no link.
    if (itself == folder && !may_hang(folder)) {
      if (const auto target = read(next)) {
        if (++links > most_links) {
          return fail("too many symbolic links in " + absolute, "name the mount point itself");
        }
        const auto names = components_of(*target);
        left.insert(left.begin(), names.begin(), names.end());
        if (target->starts_with('/')) done = "/";
        continue;
      }
    }
    done = next;
  }
  return done;
}

Result<std::string> absolute_path(const std::string& path) {
  if (path.starts_with('/')) return path;
  char cwd[PATH_MAX];
  if (getcwd(cwd, sizeof(cwd)) == nullptr || cwd[0] != '/') {
    return fail(fmt::format("cannot tell where '{}' is: the working directory is not known ({})",
                            path, cwd[0] != '/' ? "outside the root directory" : strerror(errno)),
                "name the whole path, from /");
  }
  return std::string(cwd) + "/" + path;
}

std::string normal_path(const std::string& absolute) {
  std::string out = "/";
  for (const std::string& name : components_of(absolute)) {
    out = name == ".." ? parent_of(out) : join(out, name);
  }
  return out;
}

}  // namespace fusetrace
