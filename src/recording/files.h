// SPDX-License-Identifier: Apache-2.0
// The file, pipe or standard stream that a recording is written to, and the one that it is read
// from.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include "model/error.h"

namespace fusetrace {

// A descriptor that is closed with its owner, unless it is a standard stream.
class FileDescriptor {
 public:
  explicit FileDescriptor(int fd = -1) : fd_(fd) {}
  FileDescriptor(FileDescriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  FileDescriptor& operator=(FileDescriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~FileDescriptor();
  int get() const { return fd_; }
  // -1, or errno in errno.
  int close();

 private:
  int fd_;
};

class OutputFile {
 public:
  // What happens to a regular file that exists already and is not empty.
  enum class Existing {
    keep_as_old,  // it is PATH.old from now on, in place of an older one, as with perf record
    replace,
  };
  // "-" is standard output.
  static Result<OutputFile> create(const std::string& path,
                                   Existing existing = Existing::keep_as_old);

  Result<void> write(std::span<const uint8_t> bytes);
  // Reports what a file system may report only now (NFS, quotas).
  Result<void> close();

  uint64_t bytes_written() const { return bytes_written_; }

 private:
  OutputFile(std::string path, FileDescriptor fd) : path_(std::move(path)), fd_(std::move(fd)) {}

  std::string path_;
  FileDescriptor fd_;
  uint64_t bytes_written_ = 0;
};

class InputFile {
 public:
  // "-" is standard input.
  static Result<InputFile> open(const std::string& path);

  // Fills bytes from where the last call ended; fewer only at the end of file.
  Result<size_t> read(std::span<uint8_t> bytes);
  // The same at a place of its own; only where size() is known.
  Result<size_t> read_at(uint64_t offset, std::span<uint8_t> bytes);

  const std::string& path() const { return path_; }  // "standard input" for "-"
  uint64_t offset() const { return offset_; }
  std::optional<uint64_t> size() const { return size_; }  // of a regular file

 private:
  InputFile(std::string path, FileDescriptor fd) : path_(std::move(path)), fd_(std::move(fd)) {}

  std::string path_;
  FileDescriptor fd_;
  uint64_t offset_ = 0;
  std::optional<uint64_t> size_;
};

}  // namespace fusetrace
