// SPDX-License-Identifier: Apache-2.0
// The life of two requests in one slot as small functions that threads are put together
// from: each does what a hook of the tracer does, by calling the functions of bpf/slot.h.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#define FT_MODEL 1
#include "../../bpf/slot_record.h"
#include "interleavings/call_tree.h"

namespace fusetrace::interleavings {

// Which fields of a slot the search follows, beside its words. Those of a group are written
// and read together; the fewer are followed, the fewer states there are.
enum Fields : unsigned {
  kWordsOnly = 0,
  kQueueFields = 1U << 0,       // client_tid
  kServerWakeFields = 1U << 1,  // woken_tid, server_target_cpu
  kTakeFields = 1U << 2,        // server_tid, server_cpu
  kReplyFields = 1U << 3,       // replier_tid, unique
  kClientWakeFields = 1U << 4,  // client_prev_cpu, client_target_cpu
  kQueueTimes = 1U << 5,        // queued_ns, server_waking_after
  kServedTimes = 1U << 6,       // picked_up_ns, replied_ns
};

// The requests. The first is in the slot from the beginning, the others take the slot once it
// is free. Everything that belongs to one of them has a value of its own, and what is
// left of the owner before them has another one.
struct Request {
  const char* name;
  std::uint64_t address;
  std::uint8_t tag;    // every tid, CPU and number of it
  std::uint64_t time;  // queued at
};
constexpr Request kFirst = {"first", 0xa00, 0x11, 1000};
constexpr Request kSecond = {"second", 0xb00, 0x12, 5000};
constexpr Request kThird = {"third", 0xc00, 0x13, 9000};
constexpr std::uint32_t kFirstSeq = 5;  // the number of the first as the slot's owner
constexpr std::uint8_t kLeftOver = 0x10;

class SlotModel {
 public:
  explicit SlotModel(unsigned fields);

  [[nodiscard]] const SharedMemory& memory() const { return memory_; }

  // What hooks do. `seq` is what the thread remembers, or 0: it looks at the address.
  std::uint32_t look_up(const Request& r);
  std::uint32_t queue(const Request& r);  // 0: the slot is not free, and that is counted
  void wake_server(const Request& r, std::uint32_t seq);
  void place_server(const Request& r, std::uint32_t seq);
  void give_hints(std::uint32_t seq);  // of both wakeups
  void look_at_woken(const Request& r, std::uint32_t seq);
  void run_server(const Request& r, std::uint32_t seq);
  bool take(const Request& r, std::uint32_t seq);
  bool reply(const Request& r, std::uint32_t seq);
  bool wake_client(const Request& r, std::uint32_t seq);
  void place_client(const Request& r, std::uint32_t seq);
  void migrate_all(std::uint32_t seq);
  // Hands the record over, if nobody else does.
  void finish(const Request& r, std::uint32_t seq, enum ft_resume how);
  // The client is switched in: hands over what was replied to.
  void run_client(const Request& r, std::uint32_t seq);

  // What is wrong with what was handed over when all is still; empty: nothing.
  struct Expected {
    bool may_stay_open = false;   // a request that nobody was seen to end
    bool taken_is_known = false;  // of every record
    bool second_taken_is_known = false;
    bool woken_is_known = false;  // the same for the server's wakeup
    bool client_waking_is_known = false;
    bool second_running_is_known = false;  // when its woken server was switched in
    bool only_first_has_flags = false;     // or is migrated
  };
  [[nodiscard]] std::string fault(const End& end, const std::vector<CallTree*>& threads,
                                  const Expected& expected) const;

 private:
  ft_slot slot_{};
  SharedMemory memory_;
  std::size_t req_ = 0;
  std::size_t owner_ = 0;
  std::size_t served_ = 0;
};

}  // namespace fusetrace::interleavings
