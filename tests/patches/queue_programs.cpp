// SPDX-License-Identifier: Apache-2.0
// The programs of queuers and readers, and the names of rules and casts.
#include "patches/queue_programs.h"

namespace fusetrace::patches {
namespace {

// Wakes the first reader asleep in wait queue `shard`; jumps that follow a success are
// appended to `woken`. With `all`, every reader in it.
void wake_queue(Program& p, int shard, bool all, std::vector<int>& woken) {
  std::vector<int> none;
  if (!all) none.push_back(p.add(Op::kIfZero, kIdle + shard));
  p.add(Op::kLock, kQueueLock + shard);
  // One reader to a shard: its queue has it or nobody
  const int absent = p.add(Op::kIfZero, kWaiting + shard);
  p.add(Op::kStore, kIdle + shard, 0);
  p.add(Op::kStore, kWaiting + shard, 0);
  p.add(Op::kUnlock, kQueueLock + shard);
  if (!all) woken.push_back(p.add(Op::kJump));
  const int over = all ? p.add(Op::kJump) : -1;
  p.land(absent);
  p.add(Op::kUnlock, kQueueLock + shard);
  if (over >= 0) p.land(over);
  p.land(none);
}

void wake_one(Program& p, int own, bool all_queues) {
  std::vector<int> woken;
  for (int i = 0; i < (all_queues ? kShards : 1); ++i) {
    wake_queue(p, (own + i) % kShards, false, woken);
  }
  p.land(woken);
}

Program queuer(int shard, Rule left_out) {
  Program p{.name = "queuer" + std::to_string(shard), .code = {}};
  p.add(Op::kLock, kShardLock + shard);
  p.add(Op::kAdd, kPending + shard, 1);
  if (left_out != Rule::kPublishBusy) p.add(Op::kStore, kBusy + shard, 1);
  p.add(Op::kUnlock, kShardLock + shard);
  if (left_out != Rule::kQueuerBarrier) p.add(Op::kBarrier);
  wake_one(p, shard, left_out != Rule::kAllIdleQueues);
  if (left_out == Rule::kPublishBusy) p.add(Op::kStore, kBusy + shard, 1);
  p.add(Op::kEnd);
  return p;
}

Program interrupter(Rule left_out) {
  Program p{.name = "interrupter", .code = {}};
  p.add(Op::kLock, kControlLock);
  p.add(Op::kAdd, kControlPending, 1);
  p.add(Op::kUnlock, kControlLock);
  if (left_out != Rule::kQueuerBarrier) p.add(Op::kBarrier);
  wake_one(p, 0, left_out != Rule::kAllIdleQueues);
  p.add(Op::kEnd);
  return p;
}

Program aborter() {
  Program p{.name = "aborter", .code = {}};
  std::vector<int> unused;
  p.add(Op::kLock, kControlLock);
  p.add(Op::kStore, kConnectedFlag, 0);
  p.add(Op::kUnlock, kControlLock);
  for (int shard = 0; shard < kShards; ++shard) wake_queue(p, shard, true, unused);
  p.add(Op::kEnd);
  return p;
}

Program signaller(int reader) {
  Program p{.name = "signaller", .code = {}};
  p.add(Op::kStore, kSignalled + reader, 1);
  p.add(Op::kEnd);
  return p;
}

// A reader takes one thing and is gone: it may block in its server for ever.
Program reader_of(int me, Rule left_out) {
  Program p{.name = "reader" + std::to_string(me), .code = {}};
  std::vector<int> to_end;
  const int start = p.here();

  // Look for something to read: connection, control queue, own shard, the others
  to_end.push_back(p.add(Op::kIfZero, kConnectedFlag));
  const int no_control = p.add(Op::kIfZero, kControlPending);
  p.add(Op::kLock, kControlLock);
  const int control_gone = p.add(Op::kIfZero, kControlPending);
  p.add(Op::kAdd, kControlPending, -1);
  p.add(Op::kUnlock, kControlLock);
  to_end.push_back(p.add(Op::kJump));
  p.land(control_gone);
  p.add(Op::kUnlock, kControlLock);
  p.land(no_control);
  for (int i = 0; i < kShards; ++i) {
    const int shard = (me + i) % kShards;
    const int idle = p.add(Op::kIfZero, kBusy + shard);
    p.add(Op::kLock, kShardLock + shard);
    const int empty = p.add(Op::kIfZero, kPending + shard);
    p.add(Op::kAdd, kPending + shard, -1);
    p.add(Op::kAdd, kTaken + me, 1);
    const int more = p.add(Op::kIfSet, kPending + shard);
    p.add(Op::kStore, kBusy + shard, 0);
    p.land(more);
    p.add(Op::kUnlock, kShardLock + shard);
    to_end.push_back(p.add(Op::kJump));
    p.land(empty);
    p.add(Op::kUnlock, kShardLock + shard);
    p.land(idle);
  }

  // Join the wait queue
  p.add(Op::kLock, kQueueLock + me);
  p.add(Op::kStore, kWaiting + me, 1);
  p.add(Op::kStore, kIdle + me, 1);
  p.add(Op::kUnlock, kQueueLock + me);
  if (left_out != Rule::kSleeperBarrier) p.add(Op::kBarrier);

  // Look again
  std::vector<int> found;
  if (left_out != Rule::kLookAgain) {
    if (left_out != Rule::kConnected) found.push_back(p.add(Op::kIfZero, kConnectedFlag));
    if (left_out != Rule::kControlQueue) found.push_back(p.add(Op::kIfSet, kControlPending));
    for (int i = 0; i < (left_out == Rule::kAllShards ? 1 : kShards); ++i) {
      found.push_back(p.add(Op::kIfSet, kBusy + (me + i) % kShards));
    }
  }
  p.add(Op::kSleep, kWaiting + me);
  p.land(found);

  // Leave the wait queue; whoever is no longer in it was chosen by a wake-up
  p.add(Op::kLock, kQueueLock + me);
  const int chosen = p.add(Op::kIfZero, kWaiting + me);
  p.add(Op::kStore, kWaiting + me, 0);
  p.add(Op::kStore, kIdle + me, 0);
  p.add(Op::kUnlock, kQueueLock + me);
  to_end.push_back(p.add(Op::kIfSet, kSignalled + me));
  p.jump_to(start);
  p.land(chosen);
  p.add(Op::kUnlock, kQueueLock + me);
  if (left_out == Rule::kChosenLooksAgain) to_end.push_back(p.add(Op::kIfSet, kSignalled + me));
  p.jump_to(start);

  p.land(to_end);
  p.add(Op::kEnd);
  return p;
}

}  // namespace

std::vector<Program> programs(Cast cast, Rule left_out) {
  std::vector<Program> all;
  // The foreign reader alone comes as the only one; it is still at home in shard 1
  if (cast != Cast::kForeignQueuer) all.push_back(reader_of(0, left_out));
  if (cast != Cast::kControl) all.push_back(reader_of(1, left_out));
  switch (cast) {
    case Cast::kOneQueuer:
    case Cast::kForeignQueuer:
      all.push_back(queuer(0, left_out));
      break;
    case Cast::kTwoQueuers:
      all.push_back(queuer(0, left_out));
      all.push_back(queuer(1, left_out));
      break;
    case Cast::kControl:
      all.push_back(interrupter(left_out));
      break;
    case Cast::kAbort:
      all.push_back(aborter());
      break;
    case Cast::kSignal:
      all.push_back(queuer(0, left_out));
      all.push_back(signaller(0));
      break;
  }
  return all;
}

std::vector<Rule> all_rules() {
  return {Rule::kPublishBusy,    Rule::kQueuerBarrier, Rule::kAllIdleQueues,
          Rule::kSleeperBarrier, Rule::kLookAgain,     Rule::kAllShards,
          Rule::kControlQueue,   Rule::kConnected,     Rule::kChosenLooksAgain};
}

std::string_view name_of(Rule rule) {
  switch (rule) {
    case Rule::kNone:
      return "nothing";
    case Rule::kPublishBusy:
      return "queuer: publish the shard as busy before looking for readers";
    case Rule::kQueuerBarrier:
      return "queuer: full barrier";
    case Rule::kAllIdleQueues:
      return "queuer: look at all idle queues";
    case Rule::kSleeperBarrier:
      return "reader: full barrier after joining the wait queue";
    case Rule::kLookAgain:
      return "reader: look again before it sleeps";
    case Rule::kAllShards:
      return "reader: look again at all shards";
    case Rule::kControlQueue:
      return "reader: look again at the control queue";
    case Rule::kConnected:
      return "reader: look again at `connected`";
    case Rule::kChosenLooksAgain:
      return "reader: chosen, with a signal pending, looks again";
  }
  return "?";
}

std::vector<Cast> all_casts() {
  return {Cast::kOneQueuer, Cast::kForeignQueuer, Cast::kTwoQueuers,
          Cast::kControl,   Cast::kAbort,         Cast::kSignal};
}

std::string_view name_of(Cast cast) {
  switch (cast) {
    case Cast::kOneQueuer:
      return "two readers, one request";
    case Cast::kForeignQueuer:
      return "one reader, a request in another shard";
    case Cast::kTwoQueuers:
      return "two readers, two requests in two shards";
    case Cast::kControl:
      return "one reader, an interrupt";
    case Cast::kAbort:
      return "two readers, an abort";
    case Cast::kSignal:
      return "two readers, one request, a signal";
  }
  return "?";
}

}  // namespace fusetrace::patches
