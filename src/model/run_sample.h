// SPDX-License-Identifier: Apache-2.0
// One recording as a comparison sees it: what its requests add up to per
// opcode, in consecutive blocks of time, so that the spread between the blocks
// can be seen.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "model/snapshot.h"
#include "model/told_apart.h"

namespace fusetrace {

class RunSample {
 public:
  // At most that many blocks; they get twice as long when there are more. One
  // block sums up everything, in less memory.
  RunSample(std::string name, const Topology& topology, size_t max_blocks);

  // Requests in the order in which they ended, as a recording has them.
  void add(std::span<const ft_request> requests);

  struct Block {
    std::map<uint32_t, Cell> opcodes;
    uint64_t requests = 0;
  };
  const std::vector<Block>& blocks() const { return blocks_; }
  // How much of block i the requests cover, in ns: the last one is not whole.
  uint64_t covered_ns(size_t i) const;

  uint64_t requests() const { return requests_; }
  // From the first request's start to the last one's end.
  double seconds() const;
  // What to divide requests by for their rate: where one in n was kept, those
  // of a stretch of time stand for n times as many.
  double rate_seconds(double stretch) const { return stretch / info.sample_n; }
  // All blocks together.
  std::map<uint32_t, Cell> opcodes() const;

  const std::string& name() const { return name_; }

  // What the recording says of itself.
  CaptureInfo info;
  Losses losses;
  std::string truncation;

 private:
  Block& block_at(uint64_t ns);

  ToldApart told_apart_;

  std::string name_;
  Topology topology_;
  size_t max_blocks_;
  std::vector<Block> blocks_;
  uint64_t block_ns_ = 1'000'000;
  uint64_t first_ns_ = 0;
  uint64_t last_ns_ = 0;
  uint64_t requests_ = 0;
};

}  // namespace fusetrace
