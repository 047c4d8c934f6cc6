// SPDX-License-Identifier: Apache-2.0
// The life of a request in its slot, one event after the other: what each leaves in the
// record, and that events of another owner change nothing. What several CPUs do at once
// is another test's subject.
#include <gtest/gtest.h>

#include "slot_record.h"

namespace {

constexpr uint64_t address = 0xffff888012345600;
constexpr uint32_t connection = 50;
constexpr uint64_t unique = 4242;

ft_queued queued_event() {
  ft_queued e{};
  e.client = 0xffff888000001000;
  e.at_ns = 100;
  e.unique = unique;
  e.client_tid = 10;
  e.connection = connection;
  e.opcode = 3;
  e.cpu = 1;
  return e;
}

ft_waking waking_event(uint64_t at_ns, uint32_t tid) {
  ft_waking e{};
  e.at_ns = at_ns;
  e.tid = tid;
  e.cpu = 2;
  e.waker_cpu = 1;
  e.flags = 0;
  return e;
}

ft_taken taken_event(uint64_t at_ns, uint32_t tid) {
  ft_taken e{};
  e.at_ns = at_ns;
  e.unique = unique;
  e.tid = tid;
  e.cpu = 2;
  e.transport = FT_TRANSPORT_DEV;
  return e;
}

ft_replied replied_event(uint64_t at_ns) {
  ft_replied e{};
  e.at_ns = at_ns;
  e.tid = 20;
  e.cpu = 2;
  e.saved.unique = unique;
  e.saved.nodeid = 9;
  e.saved.error = -2;
  e.saved.bytes_in = 40;
  e.saved.bytes_out = 16;
  return e;
}

class Slot : public testing::Test {
 protected:
  uint32_t queue() {
    EXPECT_TRUE(ft_slot_claim(&slot, address));
    const ft_queued e = queued_event();
    return ft_slot_begin(&slot, &e);
  }
  bool wake(uint32_t seq, uint64_t at_ns, uint32_t tid) {
    const ft_waking e = waking_event(at_ns, tid);
    return ft_slot_server_waking(&slot, seq, &e) != 0;
  }
  bool take(uint32_t seq, uint64_t at_ns, uint32_t tid) {
    const ft_taken e = taken_event(at_ns, tid);
    return ft_slot_take(&slot, seq, &e) != 0;
  }
  bool reply(uint32_t seq, uint64_t at_ns) {
    const ft_replied e = replied_event(at_ns);
    return ft_slot_reply(&slot, seq, &e) != 0;
  }
  ft_request finish(uint32_t seq, ft_resume how, uint64_t at_ns = 0, uint32_t cpu = 1) {
    ft_closed closed{};
    ft_request r{};
    EXPECT_TRUE(ft_slot_close(&slot, seq, &closed));
    ft_slot_record(&slot, &closed, &r);
    ft_slot_resumed(&slot, &closed, how, at_ns, cpu, &r);
    if (ft_closed_replied(&closed) != 0) ft_slot_saved(&slot, &r);
    ft_slot_release(&slot, &closed);
    return r;
  }

  ft_slot slot{};
};

TEST_F(Slot, AWholeLife) {
  const uint32_t seq = queue();
  EXPECT_TRUE(wake(seq, 101, 20));
  ft_slot_server_running(&slot, seq, 103);
  EXPECT_TRUE(take(seq, 104, 20));
  EXPECT_TRUE(reply(seq, 110));
  const ft_waking client = waking_event(111, 10);
  EXPECT_TRUE(ft_slot_client_waking(&slot, seq, &client, 0));
  const ft_request r = finish(seq, FT_RESUME_SWITCHED_IN, 115, 3);
  EXPECT_EQ(r.queued_ns, 100u);
  EXPECT_EQ(r.server_waking_ns, 101u);
  EXPECT_EQ(r.server_running_ns, 103u);
  EXPECT_EQ(r.picked_up_ns, 104u);
  EXPECT_EQ(r.replied_ns, 110u);
  EXPECT_EQ(r.client_waking_ns, 111u);
  EXPECT_EQ(r.resumed_ns, 115u);
  EXPECT_EQ(r.resume_cpu, 3u);
  EXPECT_EQ(r.pickup, FT_PICKUP_WOKEN);
  EXPECT_EQ(r.unique, unique);
  EXPECT_EQ(r.error, -2);
  EXPECT_EQ(slot.req, 0u) << "free for the next owner";
}

TEST_F(Slot, ASwitchInIsThatOfItsOwnWakeup) {
  const uint32_t first = queue();
  EXPECT_TRUE(wake(first, 101, 20));
  EXPECT_TRUE(take(first, 104, 30));
  EXPECT_TRUE(reply(first, 110));
  finish(first, FT_RESUME_NOBODY);
  const uint32_t second = queue();
  EXPECT_TRUE(wake(second, 201, 21));
  ft_slot_server_running(&slot, first, 203);  // the first owner's thread, late
  EXPECT_FALSE(ft_slot_is_running(&slot, second));
  ft_slot_server_running(&slot, second, 204);
  ft_slot_server_running(&slot, first, 205);
  EXPECT_TRUE(take(second, 210, 21));
  EXPECT_TRUE(reply(second, 220));
  EXPECT_EQ(finish(second, FT_RESUME_NOBODY).server_running_ns, 204u);
}

TEST_F(Slot, APickupAfterTheReplyIsNone) {
  const uint32_t seq = queue();
  EXPECT_TRUE(reply(seq, 103));
  EXPECT_FALSE(take(seq, 104, 20)) << "aborted while the read returned";
  const ft_request r = finish(seq, FT_RESUME_NOBODY);
  EXPECT_EQ(r.picked_up_ns, 0u);
  EXPECT_EQ(r.server_tid, 0u);
  EXPECT_EQ(r.server_cpu, FT_CPU_UNKNOWN);
  EXPECT_EQ(r.pickup, FT_PICKUP_UNKNOWN);
}

TEST_F(Slot, OneEndAndOneHandOver) {
  const uint32_t seq = queue();
  EXPECT_TRUE(take(seq, 104, 20));
  EXPECT_TRUE(reply(seq, 110));
  EXPECT_FALSE(reply(seq, 111));
  finish(seq, FT_RESUME_NOBODY);
  ft_closed closed{};
  EXPECT_FALSE(ft_slot_close(&slot, seq, &closed));
}

TEST_F(Slot, EventsOfAFormerOwnerChangeNothing) {
  const uint32_t first = queue();
  EXPECT_TRUE(reply(first, 110));
  finish(first, FT_RESUME_NOBODY);
  const uint32_t second = queue();
  const ft_slot before = slot;
  EXPECT_FALSE(wake(first, 150, 20));
  EXPECT_FALSE(take(first, 150, 20));
  EXPECT_FALSE(reply(first, 150));
  ft_slot_client_migrated(&slot, first);
  ft_slot_server_migrated(&slot, first);
  EXPECT_EQ(slot.owner, before.owner);
  EXPECT_EQ(slot.req, before.req);
  EXPECT_TRUE(take(second, 160, 20));
  EXPECT_FALSE(take(first, 161, 21));
  EXPECT_TRUE(reply(second, 170));
  EXPECT_EQ(finish(second, FT_RESUME_NOBODY).server_tid, 20u);
}

TEST_F(Slot, TakenTwiceIsResent) {
  const uint32_t seq = queue();
  EXPECT_TRUE(take(seq, 104, 20));
  EXPECT_TRUE(take(seq, 204, 21));
  EXPECT_TRUE(reply(seq, 210));
  const ft_request r = finish(seq, FT_RESUME_NOBODY);
  EXPECT_TRUE(r.flags & FT_F_RESENT);
  EXPECT_EQ(r.picked_up_ns, 204u);
  EXPECT_EQ(r.server_tid, 21u);
}

TEST_F(Slot, AnEndOfAnotherRequestAtTheSameAddressIsNotItsEnd) {
  const uint32_t seq = queue();
  EXPECT_TRUE(ft_slot_owns(&slot, seq, connection, unique));
  EXPECT_TRUE(ft_slot_owns(&slot, seq, connection, unique | 1ull << 63)) << "sent again";
  EXPECT_FALSE(ft_slot_owns(&slot, seq, connection, unique + 2));
  EXPECT_FALSE(ft_slot_owns(&slot, seq, connection + 1, unique));
}

TEST_F(Slot, WithoutANumberAtTheQueueThatOfTheServerCounts) {
  ft_queued e = queued_event();
  e.unique = 0;
  EXPECT_TRUE(ft_slot_claim(&slot, address));
  const uint32_t seq = ft_slot_begin(&slot, &e);
  EXPECT_TRUE(ft_slot_owns(&slot, seq, connection, unique + 2)) << "nothing to compare with";
  EXPECT_TRUE(take(seq, 104, 20));
  EXPECT_FALSE(ft_slot_owns(&slot, seq, connection, unique + 2));
  EXPECT_TRUE(ft_slot_owns(&slot, seq, connection, unique));
}

TEST_F(Slot, MigrationsStayAtTheMost) {
  const uint32_t seq = queue();
  for (int i = 0; i < 300; ++i) ft_slot_client_migrated(&slot, seq);
  ft_slot_woken_migrated(&slot, seq);
  EXPECT_TRUE(wake(seq, 101, 20));
  EXPECT_TRUE(reply(seq, 110));
  const ft_request r = finish(seq, FT_RESUME_UNSEEN);
  EXPECT_EQ(r.migrations_client_waiting, 255);
  EXPECT_EQ(r.migrations_server_waiting, 1);
  EXPECT_EQ(r.resume_cpu, FT_CPU_UNKNOWN) << "it has moved since it queued";
}

TEST(Times, FitIn32Bits) {
  for (const uint64_t after : {0ull, 1ull, 999'999'999ull, (1ull << 30) - 1}) {
    EXPECT_EQ(ft_time_at(5'000'000'000, ft_time_after(5'000'000'000, 5'000'000'000 + after)),
              5'000'000'000 + after);
    EXPECT_EQ(ft_time_at(5'000'000'000, ft_time_after(5'000'000'000, 5'000'000'000 - after)),
              5'000'000'000 - after);
  }
  const uint64_t late = 5'000'000'000 + 600'000'000'123;
  EXPECT_LE(late - ft_time_at(5'000'000'000, ft_time_after(5'000'000'000, late)), 1023u);
  EXPECT_EQ(ft_time_at(1, ft_time_after(1, UINT64_MAX / 2)) - 1, ((1ull << 30) - 1) << 10)
      << "18 minutes at most";
  EXPECT_FALSE(ft_time_is_after(ft_time_after(10, 9)));
}

}  // namespace
