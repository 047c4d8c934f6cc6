// SPDX-License-Identifier: Apache-2.0
#include "recording/files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

namespace fusetrace {
namespace {

tl::unexpected<Error> fail_errno(const char* action, const std::string& path, int number,
                                 std::string hint = {}) {
  return fail(fmt::format("cannot {} {}: {}", action, path, std::strerror(number)),
              std::move(hint));
}

}  // namespace

FileDescriptor::~FileDescriptor() { close(); }

int FileDescriptor::close() {
  const int fd = std::exchange(fd_, -1);
  return fd > STDERR_FILENO ? ::close(fd) : 0;
}

Result<OutputFile> OutputFile::create(const std::string& path, Existing existing) {
  if (path == "-") return OutputFile("standard output", FileDescriptor(STDOUT_FILENO));

  // A device or pipe is written as it is; so is an empty file (mktemp made it).
  struct stat status;
  int flags = O_WRONLY | O_CREAT | O_CLOEXEC | O_EXCL;
  if (existing == Existing::replace) {
    flags = O_WRONLY | O_CREAT | O_CLOEXEC | O_TRUNC;
  } else if (stat(path.c_str(), &status) == 0) {
    if (S_ISREG(status.st_mode) && status.st_size > 0) {
      if (rename(path.c_str(), (path + ".old").c_str()) != 0)
        return fail_errno("keep the old", path, errno, "write to another file with -o");
    } else {
      flags = O_WRONLY | O_CLOEXEC;
    }
  }
  FileDescriptor fd(::open(path.c_str(), flags, 0644));
  if (fd.get() < 0) return fail_errno("write", path, errno);
  return OutputFile(path, std::move(fd));
}

Result<void> OutputFile::write(std::span<const uint8_t> bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd_.get(), bytes.data(), bytes.size());
    if (n < 0) {
      if (errno == EINTR) continue;
      return fail_errno("write", path_, errno);
    }
    bytes_written_ += static_cast<uint64_t>(n);
    bytes = bytes.subspan(static_cast<size_t>(n));
  }
  return {};
}

Result<void> OutputFile::close() {
  if (fd_.close() != 0) return fail_errno("write", path_, errno);
  return {};
}

Result<InputFile> InputFile::open(const std::string& path) {
  const bool standard = path == "-";
  InputFile file(
      standard ? "standard input" : path,
      FileDescriptor(standard ? STDIN_FILENO : ::open(path.c_str(), O_RDONLY | O_CLOEXEC)));
  if (file.fd_.get() < 0) return fail_errno("open", path, errno);
  struct stat status;
  if (fstat(file.fd_.get(), &status) != 0) return fail_errno("read", file.path_, errno);
  if (S_ISDIR(status.st_mode)) return fail_errno("read", file.path_, EISDIR);
  if (S_ISREG(status.st_mode) && !standard) {
    file.size_ = static_cast<uint64_t>(status.st_size);
    // What is read once and in order need not push other pages out.
    posix_fadvise(file.fd_.get(), 0, 0, POSIX_FADV_SEQUENTIAL);
  }
  return file;
}

Result<size_t> InputFile::read(std::span<uint8_t> bytes) {
  size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t n = ::read(fd_.get(), bytes.data() + done, bytes.size() - done);
    if (n < 0) {
      if (errno == EINTR) continue;
      return fail_errno("read", path_, errno);
    }
    if (n == 0) break;
    done += static_cast<size_t>(n);
  }
  offset_ += done;
  return done;
}

Result<size_t> InputFile::read_at(uint64_t offset, std::span<uint8_t> bytes) {
  size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t n = pread(fd_.get(), bytes.data() + done, bytes.size() - done,
                            static_cast<off_t>(offset + done));
    if (n < 0) {
      if (errno == EINTR) continue;
      return fail_errno("read", path_, errno);
    }
    if (n == 0) break;
    done += static_cast<size_t>(n);
  }
  return done;
}

}  // namespace fusetrace
