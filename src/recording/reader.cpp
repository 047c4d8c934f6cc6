// SPDX-License-Identifier: Apache-2.0
#include "recording/reader.h"

#include <fmt/format.h>
#include <zstd.h>

#include <algorithm>
#include <cstring>

#include "model/limits.h"
#include "recording/capture_info_json.h"
#include "recording/crc32.h"
#include "recording/request_columns.h"

namespace fusetrace {

using namespace format;

namespace {

constexpr std::string_view inside_a_block = "it ends inside a block";
constexpr std::string_view damaged_block = "a block is damaged";

template <typename T>
std::span<uint8_t> bytes_of(T& value) {
  return {reinterpret_cast<uint8_t*>(&value), sizeof(value)};
}

bool valid(const EndMarker& marker) {
  return std::memcmp(marker.magic, end_magic, sizeof(end_magic)) == 0 &&
         crc32(&marker, offsetof(EndMarker, crc)) == marker.crc;
}

bool sane_sizes(const BlockPrefix& prefix) {
  const bool counted = prefix.type == static_cast<uint16_t>(BlockType::requests) ||
                       prefix.type == static_cast<uint16_t>(BlockType::tasks) ||
                       prefix.type == static_cast<uint16_t>(BlockType::index);
  return prefix.raw_bytes <= max_block_bytes && prefix.stored_bytes <= max_block_bytes &&
         (!counted || prefix.count <= max_block_count);
}

}  // namespace

void RecordingReader::Deleter::operator()(ZSTD_DCtx_s* context) const { ZSTD_freeDCtx(context); }

RecordingReader::RecordingReader(InputFile file)
    : file_(std::move(file)), zstd_(ZSTD_createDCtx()) {}

Result<RecordingReader> RecordingReader::open(const std::string& path) {
  auto file = InputFile::open(path);
  if (!file) return tl::make_unexpected(file.error());
  RecordingReader reader(std::move(*file));
  if (!reader.zstd_) return fail("cannot start zstd: out of memory");
  if (auto result = reader.read_header(); !result) return tl::make_unexpected(result.error());
  if (auto result = reader.read_tail(); !result) return tl::make_unexpected(result.error());
  return reader;
}

Result<void> RecordingReader::read_header() {
  FileHeader header{};
  const auto got = file_.read(bytes_of(header));
  if (!got) return tl::make_unexpected(got.error());
  if (*got == 0) return fail(path() + " is empty", "nothing was recorded into it");
  const size_t magic_bytes = std::min(*got, sizeof(file_magic));
  if (std::memcmp(header.magic, file_magic, magic_bytes) != 0) {
    if (*got >= 6 && std::memcmp(header.magic, file_magic, 6) == 0)
      return fail(path() + " was damaged by a transfer that changed its line ends",
                  "copy it in binary mode");
    return fail(path() + " is not a fusetrace recording");
  }
  const std::string cut = path() + " is cut off inside its header: nothing in it can be read";
  if (*got < sizeof(header)) return fail(cut);
  if (header.major != major_version)
    return fail(
        fmt::format("{} has version {}.{} of the recording format, this fusetrace reads {}.x",
                    path(), header.major, header.minor, major_version),
        header.major > major_version ? "use a newer fusetrace" : "");
  if (crc32(&header, offsetof(FileHeader, header_crc)) != header.header_crc ||
      header.info_bytes > max_info_bytes)
    return fail(path() + " is damaged in its header: nothing in it can be read");
  // A size beyond the file is not worth its memory.
  if (file_.size() && header.info_bytes > *file_.size()) return fail(cut);

  raw_.resize(header.info_bytes);
  const auto info = file_.read(raw_);
  if (!info) return tl::make_unexpected(info.error());
  if (*info < raw_.size()) return fail(cut);
  if (crc32(raw_.data(), raw_.size()) != header.info_crc ||
      !merge_json({reinterpret_cast<const char*>(raw_.data()), raw_.size()}, info_))
    return fail(path() + " is damaged in its header: nothing in it can be read");
  return {};
}

Result<void> RecordingReader::read_tail() {
  EndMarker marker{};
  if (!file_.size() || *file_.size() < sizeof(marker)) return {};
  const auto got = file_.read_at(*file_.size() - sizeof(marker), bytes_of(marker));
  if (!got) return tl::make_unexpected(got.error());
  if (*got < sizeof(marker) || !valid(marker) || marker.file_bytes != *file_.size()) return {};
  requests_total_ = marker.requests;
  last_index_ = marker.last_index;

  Stored stored{};
  const auto problem = load_at(marker.final_info, BlockType::info, stored);
  if (!problem) return tl::make_unexpected(problem.error());
  // A damaged one is met again, and reported, when the blocks are read.
  if (problem->empty())
    final_info_read_ = merge_json({reinterpret_cast<const char*>(raw_.data()), raw_.size()}, info_);
  return {};
}

Result<bool> RecordingReader::next(Block& block) {
  block = {};
  if (ended_) return false;
  const uint64_t offset = file_.offset();
  Stored stored{};
  auto problem = load([this](std::span<uint8_t> bytes) { return file_.read(bytes); }, stored);
  if (!problem) return tl::make_unexpected(problem.error());
  if (problem->empty()) problem = decode(stored, block);
  if (problem->empty() && !ended_) {
    requests_read_ += block.requests.size();
    block.losses = stored.losses;
    for (size_t i = 0; i < FT_LOSSES; i++) losses_.lost[i] += stored.losses.lost[i];
    for (size_t i = 0; i < FT_INCOMPLETES; i++)
      losses_.incomplete[i] += stored.losses.incomplete[i];
    return true;
  }
  ended_ = true;
  block = {};
  if (!problem->empty())
    truncation_ = fmt::format("the recording is cut off after {} requests (byte {}): {}",
                              requests_read_, offset, *problem);
  return false;
}

Result<std::string_view> RecordingReader::load(const Read& read, Stored& stored) {
  BlockPrefix& prefix = stored.prefix;
  auto got = read(bytes_of(prefix));
  if (!got) return tl::make_unexpected(got.error());
  if (*got == 0) return "its writer was stopped before it could end it";
  if (*got < sizeof(prefix)) return inside_a_block;
  if (prefix.magic != block_magic) return "what follows is not a block of a recording";

  uint64_t counters[2 * UINT8_MAX];
  const size_t counters_bytes =
      (size_t{prefix.lost_count} + prefix.incomplete_count) * sizeof(uint64_t);
  got = read({reinterpret_cast<uint8_t*>(counters), counters_bytes});
  if (!got) return tl::make_unexpected(got.error());
  if (*got < counters_bytes) return inside_a_block;
  BlockPrefix unsummed = prefix;
  unsummed.crc = 0;
  if (crc32(counters, counters_bytes, crc32(&unsummed, sizeof(unsummed))) != prefix.crc)
    return "the start of a block is damaged";
  if (!sane_sizes(prefix)) return "a block claims a size that no block has";

  // Counters that a newer minor version added come after those known here.
  for (size_t i = 0; i < std::min<size_t>(prefix.lost_count, FT_LOSSES); i++)
    stored.losses.lost[i] = counters[i];
  for (size_t i = 0; i < std::min<size_t>(prefix.incomplete_count, FT_INCOMPLETES); i++)
    stored.losses.incomplete[i] = counters[prefix.lost_count + i];

  stored_.resize(prefix.stored_bytes);
  got = read(stored_);
  if (!got) return tl::make_unexpected(got.error());
  if (*got < stored_.size()) return inside_a_block;
  return decompress(prefix);
}

std::string_view RecordingReader::decompress(const BlockPrefix& prefix) {
  if (prefix.type == static_cast<uint16_t>(BlockType::info)) {
    info_bytes_ += prefix.raw_bytes;
    if (prefix.raw_bytes > max_info_bytes ||
        info_bytes_ > max_info_total_bytes + max_info_total_ratio * file_.offset())
      return "what it says of the capture is larger than any capture's (docs/recording-format.md, "
             "Limits)";
  }
  if (prefix.type == static_cast<uint16_t>(BlockType::end)) {
    raw_ = stored_;
    return raw_.size() == prefix.raw_bytes ? std::string_view{} : damaged_block;
  }
  raw_.resize(prefix.raw_bytes);
  const size_t size =
      ZSTD_decompressDCtx(zstd_.get(), raw_.data(), raw_.size(), stored_.data(), stored_.size());
  return ZSTD_isError(size) == 0 && size == raw_.size() ? std::string_view{} : damaged_block;
}

Result<std::string_view> RecordingReader::load_at(uint64_t offset, BlockType type, Stored& stored) {
  const auto read = [this, &offset](std::span<uint8_t> bytes) {
    auto got = file_.read_at(offset, bytes);
    if (got) offset += *got;
    return got;
  };
  auto problem = load(read, stored);
  if (problem && problem->empty() && stored.prefix.type != static_cast<uint16_t>(type))
    problem = damaged_block;
  return problem;
}

std::string_view RecordingReader::decode(const Stored& stored, Block& block) {
  const BlockPrefix& prefix = stored.prefix;
  switch (static_cast<BlockType>(prefix.type)) {
    case BlockType::requests:
      rows_.resize(prefix.count);
      if (!decode_request_columns(raw_, rows_)) return damaged_block;
      block.requests = rows_;
      block.first_ns = prefix.first_ns;
      block.last_ns = prefix.last_ns;
      return {};
    case BlockType::tasks:
      if (raw_.size() != prefix.count * sizeof(ft_task)) return damaged_block;
      task_rows_.resize(prefix.count);
      std::copy_n(raw_.data(), raw_.size(), reinterpret_cast<uint8_t*>(task_rows_.data()));
      for (const ft_task& task : task_rows_) {
        if (tasks_.size() < limits::named_threads || tasks_.contains(task.tid))
          tasks_[task.tid] = task;
      }
      block.tasks = task_rows_;
      return {};
    case BlockType::info:
      // An older state than what the end of the file said.
      if (final_info_read_) return {};
      return merge_json({reinterpret_cast<const char*>(raw_.data()), raw_.size()}, info_)
                 ? std::string_view{}
                 : damaged_block;
    case BlockType::index:
      return {};
    case BlockType::end:
      return end();
  }
  return {};  // of a newer minor version
}

std::string_view RecordingReader::end() {
  EndMarker marker;
  if (raw_.size() != sizeof(marker)) return damaged_block;
  std::memcpy(&marker, raw_.data(), sizeof(marker));
  if (!valid(marker)) return "its end marker is damaged";
  if (marker.requests != requests_read_) return "its end marker counts other requests than it has";
  ended_ = true;
  requests_total_ = marker.requests;
  uint8_t more;
  const auto got = file_.read({&more, 1});
  trailing_bytes_ = got && *got == 1;
  return {};
}

Result<std::vector<IndexEntry>> RecordingReader::index() {
  std::vector<IndexEntry> entries;
  uint64_t offset = last_index_;
  if (offset == 0) return fail(path() + " has no index");
  while (offset != 0) {
    Stored stored{};
    const auto problem = load_at(offset, BlockType::index, stored);
    if (!problem) return tl::make_unexpected(problem.error());
    IndexHeader header{};
    const size_t bytes = stored.prefix.count * sizeof(IndexEntry);
    if (!problem->empty() || raw_.size() != sizeof(header) + bytes)
      return fail(path() + " has a damaged index");
    std::memcpy(&header, raw_.data(), sizeof(header));
    // Each lies before the one that names it, so that a damaged chain ends.
    if (header.previous_index >= offset) return fail(path() + " has a damaged index");
    std::vector<IndexEntry> part(stored.prefix.count);
    std::copy_n(raw_.data() + sizeof(header), bytes, reinterpret_cast<uint8_t*>(part.data()));
    entries.insert(entries.begin(), part.begin(), part.end());
    offset = header.previous_index;
  }
  return entries;
}

}  // namespace fusetrace
