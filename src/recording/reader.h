// SPDX-License-Identifier: Apache-2.0
// Reads a recording as a stream, block by block, in memory that does not grow
// with the file. Trusts nothing in it: damage ends the reading at the last good
// block and is reported as a truncation.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "fusetrace.h"
#include "model/capture_info.h"
#include "model/error.h"
#include "recording/files.h"
#include "recording/format.h"

struct ZSTD_DCtx_s;

namespace fusetrace {

class RecordingReader {
 public:
  // Opens path ("-": standard input) and reads the header. Errors: the file
  // cannot be read, is empty, no recording, of a newer major version, or
  // damaged in its header.
  static Result<RecordingReader> open(const std::string& path);

  struct Block {
    std::span<const ft_request> requests;  // valid until the next call of next()
    std::span<const ft_task> tasks;        // likewise
    Losses losses;                         // what was lost since the block before
    // The earliest queued_ns and the latest end of the requests; 0 without any.
    uint64_t first_ns = 0;
    uint64_t last_ns = 0;
  };
  // Fills block with the next one; a block may be empty but for its losses.
  // False at the end, and then truncation() says whether it is the true one.
  // The only error is a read that the operating system refuses.
  Result<bool> next(Block& block);

  // What is known of the capture. Of a whole file (not of a stream) this is
  // from the start what was known at the end of the capture, else it is the
  // header as updated by the blocks read so far.
  const CaptureInfo& info() const { return info_; }
  // Counts up to and with the last block read.
  const Losses& losses() const { return losses_; }
  // The threads by tid, as named last in the blocks read so far.
  const std::unordered_map<uint32_t, ft_task>& tasks() const { return tasks_; }

  // Why and where the recording ends before its end marker; empty: it does not,
  // or that is not known yet. "the recording is cut off after 81920 requests
  // (byte 1474560): …"
  const std::string& truncation() const { return truncation_; }
  bool truncated() const { return !truncation_.empty(); }
  // Something follows the end marker, and was not read.
  bool trailing_bytes() const { return trailing_bytes_; }

  uint64_t requests_read() const { return requests_read_; }
  // From the end marker, where the file has one and can be read out of order.
  std::optional<uint64_t> requests_total() const { return requests_total_; }
  uint64_t bytes_read() const { return file_.offset(); }
  std::optional<uint64_t> bytes_total() const { return file_.size(); }
  const std::string& path() const { return file_.path(); }  // "standard input" for "-"

  // Every block of a whole file, in order, without reading them. Error when the
  // file has no index (a stream, truncated) or a damaged one.
  Result<std::vector<format::IndexEntry>> index();

 private:
  explicit RecordingReader(InputFile file);

  // A block as it is in the file: its prefix, what its counters grew by, and
  // its payload, decompressed into raw_.
  struct Stored {
    format::BlockPrefix prefix;
    Losses losses;
  };
  using Read = std::function<Result<size_t>(std::span<uint8_t>)>;

  Result<void> read_header();
  // Reads the end marker and the final info, where the file has them.
  Result<void> read_tail();
  // The empty string, or what is wrong with the block.
  Result<std::string_view> load(const Read& read, Stored& stored);
  std::string_view decompress(const format::BlockPrefix& prefix);
  Result<std::string_view> load_at(uint64_t offset, format::BlockType type, Stored& stored);
  std::string_view decode(const Stored& stored, Block& block);
  std::string_view end();

  struct Deleter {
    void operator()(ZSTD_DCtx_s* context) const;
  };

  InputFile file_;
  std::unique_ptr<ZSTD_DCtx_s, Deleter> zstd_;
  CaptureInfo info_;
  Losses losses_;
  std::unordered_map<uint32_t, ft_task> tasks_;
  std::vector<uint8_t> stored_;
  std::vector<uint8_t> raw_;
  std::vector<ft_request> rows_;
  std::vector<ft_task> task_rows_;
  uint64_t requests_read_ = 0;
  std::optional<uint64_t> requests_total_;
  uint64_t last_index_ = 0;
  uint64_t info_bytes_ = 0;  // of all info blocks, decompressed
  bool final_info_read_ = false;
  bool ended_ = false;
  bool trailing_bytes_ = false;
  std::string truncation_;
};

}  // namespace fusetrace
