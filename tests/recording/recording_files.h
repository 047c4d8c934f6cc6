// SPDX-License-Identifier: Apache-2.0
// Recordings on disk for the tests: a private directory, whole files as bytes,
// and everything that a reader has to say about a file.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <vector>

#include "recording/reader.h"
#include "recording/writer.h"
#include "support/requests.h"
#include "support/workload.h"

namespace fusetrace::test {

class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    std::string name = testing::TempDir() + "fusetrace.XXXXXX";
    if (mkdtemp(name.data()) == nullptr) std::abort();
    path_ = name;
  }
  ~TemporaryDirectory() { std::filesystem::remove_all(path_); }
  std::string file(const std::string& name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

using Bytes = std::vector<uint8_t>;

inline Bytes read_bytes(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return Bytes(std::istreambuf_iterator<char>(in), {});
}

inline void write_bytes(const std::string& path, const Bytes& bytes) {
  std::ofstream out(path, std::ios::binary);
  out.write(reinterpret_cast<const char*>(bytes.data()),
            static_cast<std::streamsize>(bytes.size()));
}

struct Contents {
  std::optional<Error> error;  // of open or next
  std::vector<ft_request> requests;
  CaptureInfo info;
  Losses losses;
  std::unordered_map<uint32_t, ft_task> tasks;
  std::string truncation;
  bool trailing_bytes = false;
  std::optional<uint64_t> requests_total;
};

inline Contents read_recording(const std::string& path) {
  Contents contents;
  auto reader = RecordingReader::open(path);
  if (!reader) {
    contents.error = reader.error();
    return contents;
  }
  RecordingReader::Block block;
  for (;;) {
    const auto more = reader->next(block);
    if (!more) contents.error = more.error();
    if (!more || !*more) break;
    contents.requests.insert(contents.requests.end(), block.requests.begin(), block.requests.end());
  }
  contents.info = reader->info();
  contents.losses = reader->losses();
  contents.tasks = reader->tasks();
  contents.truncation = reader->truncation();
  contents.trailing_bytes = reader->trailing_bytes();
  contents.requests_total = reader->requests_total();
  return contents;
}

inline bool same(const std::vector<ft_request>& a, const std::vector<ft_request>& b) {
  return a.size() == b.size() &&
         (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(ft_request)) == 0);
}

// Whether a holds the first requests of b and nothing else.
inline bool is_beginning(const std::vector<ft_request>& a, const std::vector<ft_request>& b) {
  return a.size() <= b.size() &&
         (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(ft_request)) == 0);
}

inline std::vector<ft_request> workload_requests(size_t count, uint64_t seed = 1) {
  std::vector<ft_request> requests(count);
  Workload({.seed = seed}).next(requests);
  return requests;
}

// A recording of those requests in blocks of at most block_requests.
inline void write_recording(const std::string& path, const std::vector<ft_request>& requests,
                            size_t block_requests = format::requests_per_block) {
  Workload workload;
  CaptureInfo info = workload.info();
  auto writer = RecordingWriter::create(path, info);
  ASSERT_TRUE(writer) << writer.error().message;
  ASSERT_TRUE(writer->append_tasks(workload.tasks()));
  for (size_t i = 0; i < requests.size(); i += block_requests) {
    const auto some = std::span(requests).subspan(i, std::min(block_requests, requests.size() - i));
    ASSERT_TRUE(writer->append(some));
    ASSERT_TRUE(writer->flush());
  }
  info.end_ns = info.start_ns + 1'000'000'000;
  ASSERT_TRUE(writer->finish(info));
}

}  // namespace fusetrace::test
