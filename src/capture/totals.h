// SPDX-License-Identifier: Apache-2.0
// The kernel's running totals, mapped: added up over the CPUs into what an
// Aggregator makes of a recording.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "model/error.h"
#include "model/snapshot.h"

struct fusetrace_bpf;

namespace fusetrace {

// Sizes the maps of the totals, before load, for this many possible CPUs: within
// 60 MiB and 18 MiB for each CPU together, and 1.5 GiB at most. What does not fit
// is counted as lost (totals_full).
void size_totals(fusetrace_bpf& object, uint32_t cpus);

class Totals {
 public:
  // Maps the tables of a loaded object, which must outlive this. Errors: mmap.
  static Result<Totals> map(fusetrace_bpf& object);

  // Sets cells and connections to the counts since the start. While the
  // programs run, the counts of one request may be read in part.
  void read(Snapshot& out) const;

  // Connections that have counts.
  std::vector<uint32_t> connections() const;

 private:
  class Mapping;
  struct Tables;
  explicit Totals(std::shared_ptr<const Tables> tables) : tables_(std::move(tables)) {}
  std::shared_ptr<const Tables> tables_;
};

}  // namespace fusetrace
