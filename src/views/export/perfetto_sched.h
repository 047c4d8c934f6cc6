// SPDX-License-Identifier: Apache-2.0
// Writes what requests show of the scheduler as the events that ftrace would have recorded,
// so that tools which analyse scheduling can read the trace too.
//
// A record shows each waking and each switch-in of a woken server and client. One more event
// follows from them: a thread that is woken went to sleep before. The trace switches it out at
// the last time at which a record shows it running, and to the idle task, because the record
// does not tell which task ran next. No other event is added. The time on a CPU is therefore a
// lower bound, and the latency from waking to running is exact.
#pragma once

#include <cstdint>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "views/export/export.h"
#include "views/export/perfetto_stream.h"

namespace fusetrace {

class PerfettoSched {
 public:
  void add(const ft_request& request);
  // Writes the events of the requests since the last call, in one bundle for each CPU.
  void write(PerfettoStream& stream, const ExportContext& context);

 private:
  struct Event {
    uint64_t ns;
    uint32_t cpu;
    uint32_t tid;     // switch: who comes in, 0 the idle task; waking: who is woken
    uint32_t waker;   // waking only; 0: this is a switch
    uint16_t target;  // waking only: the CPU on which it slept
  };
  // When a thread was switched in, and when it was last seen running.
  struct Running {
    uint32_t cpu = 0;
    uint64_t in_ns = 0;
    uint64_t seen_ns = 0;
  };

  void saw_running(uint32_t tid, uint64_t ns);
  void sleeps_before(uint32_t tid, uint64_t ns);
  void wakes(uint32_t tid, uint64_t ns, uint32_t waker, uint32_t waker_cpu, uint32_t slept_on);
  void runs(uint32_t tid, uint64_t ns, uint32_t cpu);
  void write_bundle(PerfettoStream& stream, const Event* first, const Event* last,
                    const ExportContext& context);

  std::vector<Event> events_;
  std::unordered_map<uint32_t, Running> threads_;  // by tid
  std::unordered_map<uint32_t, uint32_t> on_cpu_;  // the thread last switched in there
};

}  // namespace fusetrace
