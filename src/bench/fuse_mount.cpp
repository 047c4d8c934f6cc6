// SPDX-License-Identifier: Apache-2.0
#include "bench/fuse_mount.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <memory>
#include <sstream>

namespace fusetrace {
namespace {

constexpr const char* need_root = "run as root, or with CAP_SYS_ADMIN";

// mkdtemp() in place, so that survivors know the name as soon as it exists.
Result<void> make_private_directory(SharedState& state) {
  const char* base = std::getenv("TMPDIR");
  if (base == nullptr || *base != '/') base = "/tmp";
  const std::string name = std::string(base) + "/fusetrace-bench.XXXXXX";
  if (name.size() >= sizeof state.temporary_directory) {
    return fail("the path in TMPDIR is too long", "unset TMPDIR, or give a mount point");
  }
  memcpy(state.temporary_directory, name.c_str(), name.size() + 1);
  if (mkdtemp(state.temporary_directory) == nullptr) {
    const int error = errno;
    state.temporary_directory[0] = '\0';
    return fail("cannot make a directory in " + std::string(base) + ": " + strerror(error),
                "set TMPDIR, or give a mount point");
  }
  return {};
}

// A path as /proc/self/mountinfo writes it: blanks and backslashes in octal.
std::string decode_octal(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 3 < text.size()) {
      out += static_cast<char>((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 +
                               (text[i + 3] - '0'));
      i += 3;
    } else {
      out += text[i];
    }
  }
  return out;
}

}  // namespace

std::optional<uint32_t> bench_connection_at(std::string_view path) {
  // Fields: id, parent, device, root, mount point, options, ..., "-", type, source.
  std::ifstream mounts("/proc/self/mountinfo");
  std::optional<uint32_t> found;
  for (std::string line; std::getline(mounts, line);) {
    std::istringstream fields(line);
    std::string skipped;
    std::string mount_point;
    uint32_t major = 0;
    uint32_t minor = 0;
    char colon = 0;
    fields >> skipped >> skipped >> major >> colon >> minor >> skipped >> mount_point;
    if (decode_octal(mount_point) != path) continue;
    // Of several mounts on one path the last one is on top.
    found.reset();
    const size_t type = line.find(" - ");
    if (type != std::string::npos && line.substr(type + 3).starts_with(bench_fstype)) {
      found = major << 20 | minor;  // the kernel's dev_t, as fuse_conn.dev has it
    }
  }
  return found;
}

bool bench_is_mounted_at(std::string_view path) { return bench_connection_at(path).has_value(); }

void clean_up_mount(SharedState& state) {
  // state.mounting is set before the mount is made, as the coordinator may die
  // at any point; so look whether what is mounted there is ours.
  if (state.mounting.load() && bench_is_mounted_at(state.mount_point)) {
    umount2(state.mount_point, MNT_DETACH);
  }
  // Still with its template's name, it was never made, and rmdir finds nothing.
  if (state.temporary_directory[0] != '\0') rmdir(state.temporary_directory);
}

Result<int> open_fuse_device(bool nonblock) {
  const int fd = open("/dev/fuse", O_RDWR | O_CLOEXEC | (nonblock ? O_NONBLOCK : 0));
  if (fd >= 0) return fd;
  const char* hint = "";
  if (errno == ENOENT || errno == ENODEV || errno == ENXIO) hint = "load FUSE: modprobe fuse";
  if (errno == EACCES || errno == EPERM) hint = need_root;
  return fail("cannot open /dev/fuse: " + std::string(strerror(errno)), hint);
}

Result<void> mount_bench(SharedState& state, const std::string& mount_point, int device) {
  std::string asked_for = mount_point;
  if (asked_for.empty()) {
    if (auto made = make_private_directory(state); !made) return made;
    asked_for = state.temporary_directory;
  }
  // Absolute and without links, as /proc/self/mountinfo will have it.
  const std::unique_ptr<char, decltype(&std::free)> path(realpath(asked_for.c_str(), nullptr),
                                                         &std::free);
  if (path == nullptr || strlen(path.get()) >= sizeof state.mount_point) {
    return fail("cannot mount on " + asked_for + ": " + strerror(errno),
                "give a directory that is there, or none for a private one");
  }
  memcpy(state.mount_point, path.get(), strlen(path.get()) + 1);

  const std::string data = "fd=" + std::to_string(device) +
                           ",rootmode=40000,user_id=" + std::to_string(geteuid()) +
                           ",group_id=" + std::to_string(getegid());
  state.mounting.store(true);
  if (mount("fusetrace-bench", state.mount_point, bench_fstype, MS_NOSUID | MS_NODEV,
            data.c_str()) == 0) {
    state.connection.store(bench_connection_at(state.mount_point).value_or(0));
    return {};
  }
  const int error = errno;
  state.mounting.store(false);
  const char* hint = "";
  if (error == EPERM || error == EACCES) hint = need_root;
  if (error == ENOTDIR) hint = "give a directory, or none for a private one";
  if (error == ENODEV) hint = "load FUSE: modprobe fuse";
  return fail("cannot mount on " + asked_for + ": " + strerror(error), hint);
}

bool unmount_bench(SharedState& state, unsigned limit_ms) {
  bool left_alone = true;
  for (unsigned waited_ms = 0; umount2(state.mount_point, 0) != 0; waited_ms += 10) {
    if (errno != EBUSY) break;  // someone else unmounted it
    left_alone = waited_ms < limit_ms;
    if (!left_alone) break;
    usleep(10000);
  }
  clean_up_mount(state);
  return left_alone;
}

}  // namespace fusetrace
