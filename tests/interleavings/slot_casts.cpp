// SPDX-License-Identifier: Apache-2.0
// The casts, and the search of one of them.
#include "interleavings/slot_casts.h"

#include <memory>

namespace fusetrace::interleavings {
namespace {

// The slot's next owner: queued, replied to and handed over by one thread, since the kernel
// orders these.
void next_request(SlotModel& m, const Request& r) {
  const std::uint32_t seq = m.queue(r);
  if (seq == 0) return;
  m.reply(r, seq);
  m.finish(r, seq, FT_RESUME_NOBODY);
}

void second_request(SlotModel& m) { next_request(m, kSecond); }

void second_request_that_is_taken(SlotModel& m) {
  const std::uint32_t seq = m.queue(kSecond);
  if (seq == 0) return;
  m.take(kSecond, seq);
  m.reply(kSecond, seq);
  m.finish(kSecond, seq, FT_RESUME_NOBODY);
}

void second_request_whose_client_is_woken(SlotModel& m) {
  const std::uint32_t seq = m.queue(kSecond);
  if (seq == 0) return;
  m.reply(kSecond, seq);
  m.wake_client(kSecond, seq);
  m.finish(kSecond, seq, FT_RESUME_NOBODY);
}

void second_request_with_both_wakeups(SlotModel& m) {
  const std::uint32_t seq = m.queue(kSecond);
  if (seq == 0) return;
  m.wake_server(kSecond, seq);
  m.reply(kSecond, seq);
  m.wake_client(kSecond, seq);
  m.finish(kSecond, seq, FT_RESUME_NOBODY);
}

void second_request_with_a_wakeup(SlotModel& m) {
  const std::uint32_t seq = m.queue(kSecond);
  if (seq == 0) return;
  m.wake_server(kSecond, seq);
  m.reply(kSecond, seq);
  m.finish(kSecond, seq, FT_RESUME_NOBODY);
}

void reply_and_finish(SlotModel& m) {
  if (m.reply(kFirst, 0)) m.finish(kFirst, kFirstSeq, FT_RESUME_NOBODY);
}

std::vector<SlotCast> make_casts() {
  return {
      {.name = "taken while it is aborted",
       .needs = 0,
       .followed = {kWordsOnly, kTakeFields, kReplyFields, kServedTimes},
       .threads = {{"taker", [](SlotModel& m) { m.take(kFirst, 0); }},
                   {"ender", reply_and_finish},
                   {"next owner", second_request_that_is_taken}},
       .expected = {.second_taken_is_known = true}},
      {.name = "a server is woken while it is handed over",
       .needs = 0,
       .followed = {kWordsOnly, kServerWakeFields, kQueueFields},
       .threads = {{"client", [](SlotModel& m) { m.wake_server(kFirst, kFirstSeq); }},
                   {"server",
                    [](SlotModel& m) {
                      m.take(kFirst, 0);
                      reply_and_finish(m);
                    }},
                   {"next owner", second_request_with_a_wakeup}},
       .expected = {}},
      {.name = "replier and client hand it over",
       .needs = 0,
       .followed = {kWordsOnly, kReplyFields, kQueueFields},
       .threads = {{"replier",
                    [](SlotModel& m) {
                      if (m.reply(kFirst, 0)) m.finish(kFirst, kFirstSeq, FT_RESUME_NEVER_SLEPT);
                    }},
                   {"client", [](SlotModel& m) { m.run_client(kFirst, kFirstSeq); }},
                   {"next owner", second_request}},
       .expected = {.only_first_has_flags = true}},
      {.name = "the client is woken while it runs",
       .needs = 0,
       .followed = {kWordsOnly, kClientWakeFields, kReplyFields},
       .threads = {{"replier",
                    [](SlotModel& m) {
                      m.reply(kFirst, 0);
                      m.wake_client(kFirst, kFirstSeq);
                      m.place_client(kFirst, kFirstSeq);
                    }},
                   {"client", [](SlotModel& m) { m.run_client(kFirst, kFirstSeq); }},
                   {"next owner", second_request_whose_client_is_woken}},
       .expected = {.may_stay_open = true, .only_first_has_flags = true}},
      {.name = "the woken server is switched in late",
       .needs = kQueueTimes,
       .followed = {kQueueTimes},
       .threads = {{"woken server", [](SlotModel& m) { m.run_server(kFirst, kFirstSeq); }},
                   {"server",
                    [](SlotModel& m) {
                      m.wake_server(kFirst, kFirstSeq);
                      reply_and_finish(m);
                    }},
                   {"next owner",
                    [](SlotModel& m) {
                      const std::uint32_t seq = m.queue(kSecond);
                      if (seq == 0) return;
                      m.wake_server(kSecond, seq);
                      m.run_server(kSecond, seq);
                      m.finish(kSecond, seq, FT_RESUME_NOBODY);
                    }}},
       .expected = {.second_running_is_known = true}},
      {.name = "migrations and hints that come late",
       .needs = 0,
       .followed = {kWordsOnly},
       .threads = {{"scheduler",
                    [](SlotModel& m) {
                      m.migrate_all(kFirstSeq);
                      m.give_hints(kFirstSeq);
                    }},
                   {"ender", reply_and_finish},
                   {"next owner", second_request_with_both_wakeups}},
       .expected = {.only_first_has_flags = true}},
      {.name = "two clients wake a server",
       .needs = 0,
       .followed = {kServerWakeFields},
       .threads = {{"client", [](SlotModel& m) { m.wake_server(kFirst, kFirstSeq); }},
                   {"another client", [](SlotModel& m) { m.wake_server(kFirst, kFirstSeq); }},
                   {"ender", reply_and_finish}},
       .expected = {}},
      {.name = "a woken server is placed late",
       .needs = 0,
       .followed = {kServerWakeFields},
       .threads = {{"client",
                    [](SlotModel& m) {
                      m.wake_server(kFirst, kFirstSeq);
                      m.place_server(kFirst, kFirstSeq);
                    }},
                   {"ender", reply_and_finish},
                   {"next owner", second_request_with_a_wakeup}},
       .expected = {}},
      {.name = "two threads take it",
       .needs = 0,
       .followed = {kTakeFields},
       .threads = {{"taker", [](SlotModel& m) { m.take(kFirst, 0); }},
                   {"another taker", [](SlotModel& m) { m.take(kFirst, 0); }},
                   {"ender", reply_and_finish}},
       .expected = {}},
      {.name = "two threads end it",
       .needs = 0,
       .followed = {kReplyFields},
       .threads = {{"ender", reply_and_finish},
                   {"another ender", reply_and_finish},
                   {"next owner", second_request}},
       .expected = {.only_first_has_flags = true}},
      {.name = "a late look at who was woken",
       .needs = 0,
       .followed = {kServerWakeFields},
       .threads = {{"scheduler", [](SlotModel& m) { m.look_at_woken(kFirst, kFirstSeq); }},
                   {"client", [](SlotModel& m) { m.wake_server(kFirst, kFirstSeq); }}},
       .expected = {.may_stay_open = true}},
      {.name = "taken while it is queued",
       .needs = 0,
       .followed = {kQueueFields},
       .threads = {{"client",
                    [](SlotModel& m) {
                      reply_and_finish(m);
                      m.queue(kSecond);
                    }},
                   {"server",
                    [](SlotModel& m) {
                      const std::uint32_t seq = m.look_up(kSecond);
                      if (seq == 0) return;
                      m.take(kSecond, seq);
                      m.reply(kSecond, seq);
                      m.finish(kSecond, seq, FT_RESUME_NOBODY);
                    }}},
       .expected = {.may_stay_open = true, .only_first_has_flags = true}},
      {.name = "two claim a slot that becomes free",
       .needs = 0,
       .followed = {kQueueFields},
       .threads = {{"ender", reply_and_finish},
                   {"next owner", second_request},
                   {"one more owner", [](SlotModel& m) { next_request(m, kThird); }}},
       .expected = {.only_first_has_flags = true}},
      {.name = "everything in its order",
       .needs = 0,
       .followed = {kServerWakeFields | kTakeFields, kReplyFields | kClientWakeFields},
       .threads = {{"all",
                    [](SlotModel& m) {
                      m.wake_server(kFirst, kFirstSeq);
                      m.take(kFirst, 0);
                      m.reply(kFirst, 0);
                      m.wake_client(kFirst, kFirstSeq);
                      m.run_client(kFirst, kFirstSeq);
                    }}},
       .expected = {.taken_is_known = true,
                    .woken_is_known = true,
                    .client_waking_is_known = true}},
  };
}

}  // namespace

const std::vector<SlotCast>& slot_casts() {
  static const std::vector<SlotCast> casts = make_casts();
  return casts;
}

Outcome search(const SlotCast& cast, unsigned fields, Memory memory, const std::string& left_out,
               std::uint64_t limit) {
  SlotModel model(fields | cast.needs);
  std::vector<std::unique_ptr<CallTree>> trees;
  std::vector<CallTree*> threads;
  Setup setup;
  setup.locations = model.memory().locations();
  setup.memory = memory;
  setup.limit = limit;
  for (const auto& [name, body] : cast.threads) {
    trees.push_back(std::make_unique<CallTree>(name, model.memory(), memory, left_out,
                                               [&model, &act = body] { act(model); }));
    threads.push_back(trees.back().get());
    setup.programs.push_back(threads.back());
  }
  setup.fault = [&](const End& end) { return model.fault(end, threads, cast.expected); };
  return search(setup);
}

}  // namespace fusetrace::interleavings
