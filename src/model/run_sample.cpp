// SPDX-License-Identifier: Apache-2.0
#include "model/run_sample.h"

#include <algorithm>
#include <utility>

#include "model/count_request.h"

namespace fusetrace {

RunSample::RunSample(std::string name, const Topology& topology, size_t max_blocks)
    : name_(std::move(name)), topology_(topology), max_blocks_(std::max<size_t>(max_blocks, 1)) {}

RunSample::Block& RunSample::block_at(uint64_t ns) {
  const uint64_t offset = ns > first_ns_ ? ns - first_ns_ : 0;
  if (max_blocks_ == 1) block_ns_ = std::max(block_ns_, offset + 1);
  while (offset / block_ns_ >= max_blocks_) {
    block_ns_ *= 2;
    for (size_t i = 1; i < blocks_.size(); ++i) {
      if (i % 2 == 0) {
        blocks_[i / 2] = std::move(blocks_[i]);
        blocks_[i] = {};
        continue;
      }
      Block& to = blocks_[i / 2];
      to.requests += blocks_[i].requests;
      for (const auto& [opcode, cell] : blocks_[i].opcodes) to.opcodes[opcode].merge(cell);
    }
    blocks_.resize((blocks_.size() + 1) / 2);
  }
  const auto index = static_cast<size_t>(offset / block_ns_);
  if (index >= blocks_.size()) blocks_.resize(index + 1);
  return blocks_[index];
}

void RunSample::add(std::span<const ft_request> requests) {
  for (const ft_request& r : requests) {
    const uint64_t end = end_of(r);
    if (requests_ == 0) first_ns_ = std::min(r.queued_ns == 0 ? end : r.queued_ns, end);
    last_ns_ = std::max(last_ns_, end);
    Block& block = block_at(end);
    ++block.requests;
    ++requests_;
    count_request(block.opcodes[told_apart_.of(r).opcode], r, facts_of(r, topology_));
  }
}

uint64_t RunSample::covered_ns(size_t i) const {
  const uint64_t start = first_ns_ + i * block_ns_;
  return start >= last_ns_ ? 0 : std::min(block_ns_, last_ns_ - start);
}

double RunSample::seconds() const { return static_cast<double>(last_ns_ - first_ns_) / 1e9; }

std::map<uint32_t, Cell> RunSample::opcodes() const {
  std::map<uint32_t, Cell> sum;
  for (const Block& block : blocks_) {
    for (const auto& [opcode, cell] : block.opcodes) sum[opcode].merge(cell);
  }
  return sum;
}

}  // namespace fusetrace
