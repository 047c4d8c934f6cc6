// SPDX-License-Identifier: Apache-2.0
#include "recording/writer.h"

#include <fmt/format.h>
#define ZSTD_STATIC_LINKING_ONLY  // for ZSTD_c_literalCompressionMode, in zstd since 1.4.0
#include <zstd.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "recording/capture_info_json.h"
#include "recording/crc32.h"

namespace fusetrace {

using namespace format;

namespace {

constexpr size_t counters_room = (FT_LOSSES + FT_INCOMPLETES) * sizeof(uint64_t);
constexpr size_t prefix_room = sizeof(BlockPrefix) + counters_room;

// Tasks in memory before they are written; a capture meets that many only at
// its start.
constexpr size_t tasks_per_block = 4096;

template <typename T>
std::span<const uint8_t> bytes_of(const T& value) {
  return {reinterpret_cast<const uint8_t*>(&value), sizeof(value)};
}

std::span<const uint8_t> bytes_of(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

}  // namespace

void RecordingWriter::Deleter::operator()(ZSTD_CCtx_s* context) const { ZSTD_freeCCtx(context); }

RecordingWriter::RecordingWriter(OutputFile file)
    : file_(std::move(file)), zstd_(ZSTD_createCCtx()), encoder_(requests_per_block) {
  // What is left to find after the column encoding are skewed byte statistics
  // and runs, not repeated strings: little searching, all the entropy coding.
  ZSTD_CCtx* zstd = zstd_.get();
  ZSTD_CCtx_setParameter(zstd, ZSTD_c_compressionLevel, 1);
  ZSTD_CCtx_setParameter(zstd, ZSTD_c_strategy, ZSTD_fast);
  ZSTD_CCtx_setParameter(zstd, ZSTD_c_hashLog, 12);
  ZSTD_CCtx_setParameter(zstd, ZSTD_c_minMatch, 7);
  ZSTD_CCtx_setParameter(zstd, ZSTD_c_targetLength, 100);  // of this strategy: its acceleration
  // An accelerated search would leave entropy coding out. A zstd that refuses
  // this parameter makes a larger file, not a wrong one.
  ZSTD_CCtx_setParameter(zstd, ZSTD_c_literalCompressionMode, ZSTD_ps_enable);
  ZSTD_CCtx_setParameter(zstd, ZSTD_c_checksumFlag, 1);
  block_.resize(prefix_room + ZSTD_compressBound(requests_per_block * sizeof(ft_request)));
  index_.reserve(entries_per_index);
}

Result<RecordingWriter> RecordingWriter::create(const std::string& path, const CaptureInfo& info) {
  // The header is made before the file, so that a refusal leaves an old one alone.
  const std::string json = to_json(info);
  if (json.size() > max_info_bytes) return fail("the description of the capture is too large");
  auto file = OutputFile::create(path);
  if (!file) return tl::make_unexpected(file.error());
  RecordingWriter writer(std::move(*file));
  if (!writer.zstd_) return fail("cannot start zstd: out of memory");
  if (auto result = writer.write_header(json); !result) return tl::make_unexpected(result.error());
  return writer;
}

Result<void> RecordingWriter::write_header(std::string_view json) {
  FileHeader header{};
  std::memcpy(header.magic, file_magic, sizeof(file_magic));
  header.major = major_version;
  header.minor = minor_version;
  header.info_bytes = static_cast<uint32_t>(json.size());
  header.info_crc = crc32(json.data(), json.size());
  header.header_crc = crc32(&header, offsetof(FileHeader, header_crc));
  if (auto result = file_.write(bytes_of(header)); !result) return result;
  return file_.write(bytes_of(json));
}

Result<void> RecordingWriter::append(std::span<const ft_request> requests) {
  while (state_ && !requests.empty()) {
    const size_t taken = encoder_.append(requests);
    requests_ += taken;
    requests = requests.subspan(taken);
    if (encoder_.full()) write_kept();
  }
  return state_;
}

Result<void> RecordingWriter::append_tasks(std::span<const ft_task> tasks) {
  tasks_.insert(tasks_.end(), tasks.begin(), tasks.end());
  if (tasks_.size() >= tasks_per_block) write_kept();
  return state_;
}

Result<void> RecordingWriter::update_connections(
    const std::map<uint32_t, Connection>& connections) {
  if (state_) remember(write_info(to_json(connections)));
  return state_;
}

Result<void> RecordingWriter::flush() {
  write_kept();
  return state_;
}

void RecordingWriter::write_kept() {
  // Names before the requests that need them.
  if (state_ && !tasks_.empty()) remember(write_tasks());
  if (state_ && encoder_.count() > 0) remember(write_requests());
  if (state_ && std::memcmp(&losses_, &losses_written_, sizeof(losses_)) != 0)
    remember(write_info("{}"));
}

Result<void> RecordingWriter::finish(const CaptureInfo& info) {
  write_kept();
  if (state_) remember(write_info(to_json(info)));
  if (state_ && !index_.empty()) remember(write_index());
  if (state_) remember(write_end());
  if (state_) remember(file_.close());
  return state_;
}

Result<void> RecordingWriter::write_requests() {
  const EncodedColumns columns = encoder_.encode();
  auto result = compress(columns.directory, columns.planes.empty());
  for (auto planes = columns.planes; result && !planes.empty();) {
    const auto plane = planes.first(columns.count);
    planes = planes.subspan(columns.count);
    result = compress(plane, planes.empty());
  }
  if (!result) return result;
  return write_block(BlockType::requests, columns.count, columns.first_ns, columns.last_ns);
}

Result<void> RecordingWriter::write_tasks() {
  for (auto tasks = std::span<const ft_task>(tasks_); !tasks.empty();) {
    const auto some = tasks.first(std::min<size_t>(tasks.size(), tasks_per_block));
    tasks = tasks.subspan(some.size());
    auto result =
        compress({reinterpret_cast<const uint8_t*>(some.data()), some.size_bytes()}, true);
    if (result) result = write_block(BlockType::tasks, static_cast<uint32_t>(some.size()));
    if (!result) return result;
  }
  tasks_.clear();
  return {};
}

Result<void> RecordingWriter::write_info(std::string_view json) {
  if (json.size() > max_block_bytes) return fail("the description of the capture is too large");
  const uint64_t offset = bytes_written();
  if (auto result = compress(bytes_of(json), true); !result) return result;
  last_info_ = offset;
  return write_block(BlockType::info, 0);
}

Result<void> RecordingWriter::write_index() {
  const uint64_t offset = bytes_written();
  const IndexHeader header{last_index_};
  const std::span<const IndexEntry> entries(index_);
  auto result = compress(bytes_of(header), false);
  if (result)
    result =
        compress({reinterpret_cast<const uint8_t*>(entries.data()), entries.size_bytes()}, true);
  if (result) result = write_block(BlockType::index, static_cast<uint32_t>(index_.size()));
  index_.clear();
  last_index_ = offset;
  return result;
}

Result<void> RecordingWriter::write_end() {
  EndMarker marker{};
  marker.requests = requests_;
  marker.last_index = last_index_;
  marker.final_info = last_info_;
  marker.file_bytes = bytes_written() + sizeof(BlockPrefix) + sizeof(EndMarker);
  marker.crc = crc32(&marker, offsetof(EndMarker, crc));
  std::memcpy(marker.magic, end_magic, sizeof(end_magic));
  std::memcpy(block_.data() + prefix_room, &marker, sizeof(marker));
  payload_bytes_ = raw_bytes_ = sizeof(marker);
  return write_block(BlockType::end, 0);
}

Result<void> RecordingWriter::compress(std::span<const uint8_t> piece, bool last) {
  const size_t room = prefix_room + payload_bytes_ + ZSTD_compressBound(piece.size()) + 64;
  if (block_.size() < room) block_.resize(room);
  ZSTD_inBuffer in{piece.data(), piece.size(), 0};
  ZSTD_outBuffer out{block_.data() + prefix_room, block_.size() - prefix_room, payload_bytes_};
  const size_t left =
      ZSTD_compressStream2(zstd_.get(), &out, &in, last ? ZSTD_e_end : ZSTD_e_flush);
  if (ZSTD_isError(left) != 0 || left != 0)
    return fail(fmt::format(
        "cannot compress a block of the recording: {}",
        left != 0 && ZSTD_isError(left) != 0 ? ZSTD_getErrorName(left) : "no room for its end"));
  payload_bytes_ = out.pos;
  raw_bytes_ += piece.size();
  return {};
}

Result<void> RecordingWriter::write_block(BlockType type, uint32_t count, uint64_t first_ns,
                                          uint64_t last_ns) {
  BlockPrefix prefix{};
  prefix.magic = block_magic;
  prefix.type = static_cast<uint16_t>(type);
  prefix.count = count;
  prefix.raw_bytes = static_cast<uint32_t>(std::exchange(raw_bytes_, 0));
  prefix.stored_bytes = static_cast<uint32_t>(payload_bytes_);
  prefix.first_ns = first_ns;
  prefix.last_ns = last_ns;

  uint64_t counters[FT_LOSSES + FT_INCOMPLETES];
  for (size_t i = 0; i < FT_LOSSES; i++) counters[i] = losses_.lost[i] - losses_written_.lost[i];
  for (size_t i = 0; i < FT_INCOMPLETES; i++)
    counters[FT_LOSSES + i] = losses_.incomplete[i] - losses_written_.incomplete[i];
  const bool grew = std::any_of(std::begin(counters), std::end(counters),
                                [](uint64_t counter) { return counter != 0; });
  if (grew) {
    prefix.lost_count = FT_LOSSES;
    prefix.incomplete_count = FT_INCOMPLETES;
  }
  const size_t counters_bytes = grew ? sizeof(counters) : 0;
  prefix.crc = crc32(counters, counters_bytes, crc32(&prefix, sizeof(prefix)));

  // Prefix, counters and payload in one system call: a kill cuts between blocks.
  uint8_t* start = block_.data() + prefix_room - counters_bytes - sizeof(prefix);
  std::memcpy(start, &prefix, sizeof(prefix));
  std::memcpy(start + sizeof(prefix), counters, counters_bytes);
  const uint64_t offset = bytes_written();
  auto result = file_.write({start, sizeof(prefix) + counters_bytes + payload_bytes_});
  payload_bytes_ = 0;
  if (!result) return result;
  losses_written_ = losses_;
  if (type == BlockType::index || type == BlockType::end) return {};
  index_.push_back({offset, first_ns, last_ns, count, prefix.type, 0});
  return index_.size() == entries_per_index ? write_index() : Result<void>{};
}

void RecordingWriter::remember(Result<void> result) {
  if (state_) state_ = std::move(result);
}

}  // namespace fusetrace
