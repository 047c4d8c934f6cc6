// SPDX-License-Identifier: Apache-2.0
// Writes a recording as a stream: header, blocks as they fill, and at the end
// an index and the end marker. Whatever was flushed can be read, also when the
// writer is killed. Not thread-safe.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "fusetrace.h"
#include "model/capture_info.h"
#include "model/error.h"
#include "recording/files.h"
#include "recording/format.h"
#include "recording/request_columns.h"

struct ZSTD_CCtx_s;

namespace fusetrace {

// After an error of any function the file ends at the last block that was
// written whole, and every later call returns the same error.
class RecordingWriter {
 public:
  // Creates path ("-": standard output; what was there is kept as PATH.old) and
  // writes the header. Errors: what the file system refuses.
  static Result<RecordingWriter> create(const std::string& path, const CaptureInfo& info);

  // In the order in which they ended, as far as it is known. Kept in memory
  // until a block is full or flush() is called.
  Result<void> append(std::span<const ft_request> requests);
  // Before the requests that name them, ideally; the last one with a tid holds.
  Result<void> append_tasks(std::span<const ft_task> tasks);

  // Connections that came or changed since the header; others stay as they are.
  Result<void> update_connections(const std::map<uint32_t, Connection>& connections);

  // The running counts; what they grew by goes out with the next block.
  void set_losses(const Losses& losses) { losses_ = losses; }

  // Writes out what is kept in memory. Called about once a second, so that a
  // writer that is killed loses no more than that.
  Result<void> flush();

  // Ends the file with what is known about the capture by now (end_ns,
  // connections, CPUs that came). Nothing may be written after it.
  Result<void> finish(const CaptureInfo& info);

  uint64_t bytes_written() const { return file_.bytes_written(); }
  uint64_t requests_appended() const { return requests_; }

 private:
  RecordingWriter(OutputFile file);

  Result<void> write_header(std::string_view json);
  Result<void> write_requests();
  Result<void> write_tasks();
  Result<void> write_info(std::string_view json);
  Result<void> write_index();
  Result<void> write_end();
  // Takes another piece of the block's payload; the last one ends the frame.
  Result<void> compress(std::span<const uint8_t> piece, bool last);
  Result<void> write_block(format::BlockType type, uint32_t count, uint64_t first_ns = 0,
                           uint64_t last_ns = 0);
  // Writes what is kept in memory, if nothing has failed so far.
  void write_kept();
  // Makes an error the state of the writer.
  void remember(Result<void> result);

  struct Deleter {
    void operator()(ZSTD_CCtx_s* context) const;
  };

  OutputFile file_;
  std::unique_ptr<ZSTD_CCtx_s, Deleter> zstd_;
  RequestColumnsEncoder encoder_;
  std::vector<ft_task> tasks_;
  Losses losses_;
  Losses losses_written_;
  // A block under construction: room for prefix and counters, then the payload.
  std::vector<uint8_t> block_;
  size_t payload_bytes_ = 0;  // stored
  size_t raw_bytes_ = 0;
  std::vector<format::IndexEntry> index_;
  uint64_t last_index_ = 0;
  uint64_t last_info_ = 0;
  uint64_t requests_ = 0;
  Result<void> state_;  // the first error, which every later call returns
};

}  // namespace fusetrace
