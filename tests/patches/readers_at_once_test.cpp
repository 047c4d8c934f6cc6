// SPDX-License-Identifier: Apache-2.0
// For how many takes a request may be the oldest of all when several readers decide and
// take at once, and any of them is held up at any point: the second bound that
// fuse_iqueue_take() in patches/v7.3/part2 promises, against an adversary.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <deque>
#include <random>
#include <vector>

namespace fusetrace::patches {
namespace {

constexpr int64_t nothing = INT64_MAX;

struct Game {
  int shards = 1;   // that have readers; one more has none
  int readers = 2;  // reader r belongs to shard r % shards
  int k = 8;        // 0: without the rule
  uint64_t seed = 1;
};

class Queue {
 public:
  explicit Queue(const Game& game)
      : game_(game), random_(game.seed), shards_(game.shards + 1), readers_(game.readers) {}

  // Plays so many steps; returns the most takes for which one request was the oldest.
  int64_t play(int steps) {
    for (int step = 0; step < steps; ++step) {
      refill();
      Reader& reader = readers_[random_() % readers_.size()];
      if (reader.held_up > 0) {
        --reader.held_up;
      } else {
        advance(reader, static_cast<int>((&reader - readers_.data()) % game_.shards));
        // Now and then somebody's CPU is gone for as long as others take dozens.
        if (random_() % 20 == 0) reader.held_up = static_cast<int>(random_() % 200);
      }
    }
    return std::max(longest_, count_);  // the oldest may never be taken
  }

 private:
  struct Shard {
    std::deque<int64_t> pending;  // when each was queued
    int64_t oldest = nothing;     // what can be read without the lock
    int takes = 0;
    bool locked = false;
  };
  struct Reader {
    enum { kOwn, kScan, kLock, kRemove } at = kOwn;
    int next = 0;  // to look at
    int64_t best = nothing;
    int shard = -1;  // chosen, or locked
    int held_up = 0;
  };

  // Readers always find work on their own shard; elsewhere there is some.
  void refill() {
    for (int i = 0; i <= game_.shards; ++i) {
      Shard& shard = shards_[i];
      const size_t wanted = i < game_.shards ? 6 : random_() % 3;
      if (shard.locked || shard.pending.size() >= wanted) continue;
      shard.pending.push_back(++clock_);
      shard.oldest = shard.pending.front();
    }
  }

  void advance(Reader& reader, int home) {
    switch (reader.at) {
      case Reader::kOwn: {
        Shard& own = shards_[home];
        if (own.locked) return;
        if (own.oldest == nothing || (game_.k > 0 && ++own.takes >= game_.k)) {
          if (own.oldest != nothing) own.takes = 0;
          begin_scan(reader);
        } else {
          tell(reader, home);
        }
        return;
      }
      case Reader::kScan:
        if (reader.next <= game_.shards) {
          const int64_t stamp = shards_[reader.next].oldest;
          if (stamp < reader.best) {
            reader.best = stamp;
            reader.shard = reader.next;
          }
          ++reader.next;
        } else if (reader.best == nothing) {
          reader.at = Reader::kOwn;
        } else {
          reader.at = Reader::kLock;
        }
        return;
      case Reader::kLock:
        if (shards_[reader.shard].locked) return;
        if (shards_[reader.shard].pending.empty()) {
          begin_scan(reader);
        } else {
          tell(reader, reader.shard);
        }
        return;
      case Reader::kRemove: {
        Shard& shard = shards_[reader.shard];
        shard.pending.pop_front();
        shard.oldest = shard.pending.empty() ? nothing : shard.pending.front();
        shard.locked = false;
        reader.at = Reader::kOwn;
        return;
      }
    }
  }

  void begin_scan(Reader& reader) {
    reader.at = Reader::kScan;
    reader.next = 0;
    reader.best = nothing;
  }

  // The tracepoint: under the lock, before the request is removed.
  void tell(Reader& reader, int index) {
    Shard& shard = shards_[index];
    ++count_;
    if (shard.pending.front() == oldest_untaken()) {
      longest_ = std::max(longest_, count_);
      count_ = 0;
    }
    shard.locked = true;
    reader.shard = index;
    reader.at = Reader::kRemove;
  }

  int64_t oldest_untaken() const {
    int64_t oldest = nothing;
    for (const Shard& shard : shards_) {
      // The first of a locked shard is taken, and not removed yet.
      const size_t first = shard.locked ? 1 : 0;
      if (shard.pending.size() > first) oldest = std::min(oldest, shard.pending[first]);
    }
    return oldest;
  }

  Game game_;
  std::mt19937_64 random_;
  std::vector<Shard> shards_;
  std::vector<Reader> readers_;
  int64_t clock_ = 0;
  int64_t count_ = 0;
  int64_t longest_ = 0;
};

int64_t longest_of(Game game) {
  int64_t longest = 0;
  for (game.seed = 1; game.seed <= 20; ++game.seed) {
    longest = std::max(longest, Queue(game).play(50'000));
  }
  return longest;
}

TEST(ReadersAtOnce, TakeTheOldestWithinTheBoundHoweverTheyAreHeldUp) {
  for (int k : {2, 8}) {
    for (int shards : {1, 2, 4}) {
      for (int readers : {shards, 2 * shards, 4 * shards}) {
        const int64_t bound = (k - 1) * (shards + 2 * readers - 1) + readers + 1;
        EXPECT_LE(longest_of({.shards = shards, .readers = readers, .k = k}), bound)
            << "K " << k << ", " << shards << " shards, " << readers << " readers";
      }
    }
  }
}

TEST(ReadersAtOnce, OneReaderKeepsTheBoundOfThoseWhoTakeOneAfterTheOther) {
  EXPECT_EQ(longest_of({.shards = 1, .readers = 1}), 8);
}

TEST(ReadersAtOnce, SeveralOnAShardExceedTheBoundOfThoseWhoTakeOneAfterTheOther) {
  EXPECT_GT(longest_of({.shards = 1, .readers = 2}), 8);
}

TEST(ReadersAtOnce, WithoutTheRuleThereIsNoBound) {
  EXPECT_GT(longest_of({.shards = 1, .readers = 2, .k = 0}), 1000);
}

}  // namespace
}  // namespace fusetrace::patches
