// SPDX-License-Identifier: Apache-2.0
// The search over all interleavings of the programs, and over all orders in which their
// stores become visible and their loads are executed.
#include "interleavings/search.h"

#include <algorithm>
#include <stdexcept>
#include <unordered_map>

#include "interleavings/state.h"

namespace fusetrace::interleavings {
namespace {

// The values that occur, numbered so that each fits into a byte.
class Values {
 public:
  std::uint8_t number(std::uint64_t value) {
    const auto [it, fresh] = numbers_.try_emplace(value, values_.size());
    if (fresh) {
      if (values_.size() > 255) throw std::length_error("more than 256 values");
      values_.push_back(value);
    }
    return static_cast<std::uint8_t>(it->second);
  }
  std::uint64_t operator[](std::uint8_t number) const { return values_[number]; }

 private:
  std::vector<std::uint64_t> values_;
  std::unordered_map<std::uint64_t, std::size_t> numbers_;
};

// Which thread touches which location, as far as the search has seen.
struct Touched {
  std::array<std::uint8_t, kMaxLocations> by{};     // threads that access it
  std::array<std::uint8_t, kMaxLocations> loads{};  // threads that read it
};

std::vector<std::uint8_t> carrying(const Setup& setup) {
  std::vector<std::uint8_t> all;
  for (std::size_t l = 0; l < setup.locations.size(); ++l) {
    if (setup.locations[l].carries_dependency) all.push_back(static_cast<std::uint8_t>(l));
  }
  if (all.size() > kMaxCarrying) throw std::length_error("too many locations with dependencies");
  return all;
}

class Search final : End {
 public:
  Search(const Setup& setup, Values& values, Touched& touched)
      : setup_(setup),
        values_(values),
        touched_(touched),
        carrying_(carrying(setup)),
        encoding_(setup.locations.size(), setup.programs.size(), carrying_) {}

  // False if a location was taken for a thread's own that is not.
  bool run() {
    State first;
    for (std::size_t l = 0; l < setup_.locations.size(); ++l) {
      first.length[l] = 1;
      first.history[l][0] = values_.number(setup_.locations[l].initial);
    }
    visit(first, kNone, 0, What::kStep, 0);
    State state;
    while (!open_.empty() && seen_.size() < setup_.limit) {
      const std::uint32_t number = open_.back();
      open_.pop_back();
      encoding_.read(seen_[number], state);
      now_ = number;
      if (setup_.memory == Memory::kSequential && find_race(state)) {
        tell(number);
        outcome.trace.insert(outcome.trace.end(), race_.begin(), race_.end());
        outcome.states = seen_.size();
        return true;
      }
      const bool goes_on = expand(state);
      if (outdated_) return false;
      if (goes_on) continue;
      ++outcome.ends;
      end_ = &state;
      outcome.fault = setup_.fault(*this);
      if (!outcome.fault.empty()) {
        tell(number);
        outcome.states = seen_.size();
        return true;
      }
    }
    outcome.complete = open_.empty();
    outcome.states = seen_.size();
    return true;
  }

  Outcome outcome;

 private:
  enum class What : std::uint8_t { kStep, kVisible, kExecuted };
  struct Origin {
    std::uint32_t from;
    std::uint8_t thread;
    What what;
    std::uint8_t location;
  };
  static constexpr std::uint32_t kNone = ~0U;

  // --- what an end is made of ---------------------------------------------------------

  [[nodiscard]] std::uint64_t memory(std::size_t location) const override {
    return values_[latest(*end_, location)];
  }
  [[nodiscard]] int node(std::size_t thread) const override {
    return static_cast<int>(end_->threads[thread].node);
  }
  [[nodiscard]] bool is_done(std::size_t thread) const override {
    return setup_.programs[thread]->at(node(thread)).op == Op::kEnd;
  }
  [[nodiscard]] std::uint64_t result(std::size_t thread, std::size_t number) const override {
    if (number >= end_->threads[thread].results) throw std::logic_error("no such copying load");
    return values_[end_->threads[thread].result[number]];
  }

  // --- the graph ----------------------------------------------------------------------

  void visit(State& state, std::uint32_t from, std::size_t thread, What what,
             std::size_t location) {
    if (has_early_loads()) forget_unreadable(state);
    encoding_.write(state, bytes_);
    const auto [number, fresh] = seen_.insert(bytes_);
    if (!fresh) return;
    origins_.push_back(
        {from, static_cast<std::uint8_t>(thread), what, static_cast<std::uint8_t>(location)});
    open_.push_back(number);
  }

  Access access(const State& s, std::size_t t) {
    const Access a = setup_.programs[t]->at(static_cast<int>(s.threads[t].node));
    if (a.op == Op::kEnd || a.op == Op::kNothing || a.op == Op::kBarrier) return a;
    note(touched_.by, a.location, t);
    if (a.op != Op::kStore) note(touched_.loads, a.location, t);
    if (a.op == Op::kWait) {
      note(touched_.by, a.second, t);
      note(touched_.loads, a.second, t);
    }
    return a;
  }

  void note(std::array<std::uint8_t, kMaxLocations>& who, std::size_t location, std::size_t t) {
    if (location >= setup_.locations.size()) throw std::logic_error("no such location");
    if (who[location] >> t & 1) return;
    who[location] = static_cast<std::uint8_t>(who[location] | 1U << t);
    outdated_ |= setup_.find_private;
  }

  [[nodiscard]] bool is_own(std::size_t location, std::size_t t) const {
    return setup_.find_private && touched_.by[location] == 1U << t;
  }

  // --- memory -------------------------------------------------------------------------

  [[nodiscard]] bool has_early_loads() const {
    return setup_.memory == Memory::kWeak && setup_.early_loads;
  }

  static std::uint8_t latest(const State& s, std::size_t location) {
    return s.history[location][s.length[location] - 1U];
  }

  // The number of the thread's newest store to the location that is not visible, or -1.
  static int pending_at(const State& s, std::size_t t, std::size_t location) {
    for (int i = s.threads[t].stores; i-- > 0;) {
      if (s.threads[t].pending[static_cast<std::size_t>(i)].location == location) return i;
    }
    return -1;
  }

  std::size_t carrying_number(std::size_t location) const {
    return static_cast<std::size_t>(std::find(carrying_.begin(), carrying_.end(), location) -
                                    carrying_.begin());
  }

  // A store of thread `t` becomes visible.
  void make_visible(State& s, std::size_t t, std::size_t location, std::uint8_t value) const {
    if (!has_early_loads()) {
      s.history[location][0] = value;
      return;
    }
    if (s.length[location] == kMaxHistory) {
      throw std::length_error("too many values of " + setup_.locations[location].name);
    }
    const std::uint8_t place = s.length[location]++;
    s.history[location][place] = value;
    s.threads[t].seen[location] = place;
    if (setup_.locations[location].carries_dependency) {
      View& view = s.visible[carrying_number(location)][place];
      for (std::size_t l = 0; l < setup_.locations.size(); ++l) {
        view[l] = static_cast<std::uint8_t>(s.length[l] - 1);
      }
    }
  }

  // Later loads of the thread see at least what is visible now.
  void see_all(State& s, std::size_t t) const {
    if (!has_early_loads()) return;
    for (std::size_t l = 0; l < setup_.locations.size(); ++l) {
      s.threads[t].seen[l] = static_cast<std::uint8_t>(s.length[l] - 1);
    }
    s.threads[t].dependencies = 0;
  }

  // Drops values that no thread can read any more.
  void forget_unreadable(State& s) {
    for (std::size_t l = 0; l < setup_.locations.size(); ++l) {
      if (s.length[l] == 1) continue;
      std::uint8_t oldest = static_cast<std::uint8_t>(s.length[l] - 1);
      for (std::size_t t = 0; t < setup_.programs.size(); ++t) {
        if (may_read(s, t, l)) oldest = std::min(oldest, s.threads[t].seen[l]);
      }
      const auto shift = [&](View& view) {
        view[l] = static_cast<std::uint8_t>(view[l] > oldest ? view[l] - oldest : 0);
      };
      for (std::size_t t = 0; t < setup_.programs.size(); ++t) {
        if (!may_read(s, t, l)) s.threads[t].seen[l] = oldest;  // whatever it was
      }
      if (oldest == 0) continue;
      const auto begin = s.history[l].begin();
      std::copy(begin + oldest, begin + s.length[l], begin);
      if (setup_.locations[l].carries_dependency) {
        auto& views = s.visible[carrying_number(l)];
        std::copy(views.begin() + oldest, views.begin() + s.length[l], views.begin());
      }
      s.length[l] = static_cast<std::uint8_t>(s.length[l] - oldest);
      for (std::size_t c = 0; c < carrying_.size(); ++c) {
        for (std::size_t i = 0; i < s.length[carrying_[c]]; ++i) shift(s.visible[c][i]);
      }
      for (std::size_t t = 0; t < setup_.programs.size(); ++t) {
        shift(s.threads[t].seen);
        for (View& view : s.threads[t].dependency) shift(view);
      }
    }
  }

  // Whether the thread may ever read an older value than the latest.
  bool may_read(const State& s, std::size_t t, std::size_t location) {
    const ThreadState& thread = s.threads[t];
    if (setup_.locations[location].locked) return false;
    if (setup_.find_private && (touched_.loads[location] >> t & 1) == 0) return false;
    if (setup_.programs[t]->at(static_cast<int>(thread.node)).op != Op::kEnd) return true;
    for (std::size_t k = 0; k < thread.results; ++k) {
      if ((thread.unread >> k & 1) != 0 && thread.result[k] == location) return true;
    }
    return false;
  }

  // Calls `use(value, place)` for each value that a load of the thread may return now;
  // place -1 is that of a store of its own.
  template <typename Use>
  void for_readable(const State& s, std::size_t t, const Access& a, Use use) const {
    const int own = pending_at(s, t, a.location);
    if (own >= 0) {
      const Pending& pending = s.threads[t].pending[static_cast<std::size_t>(own)];
      if (!pending.adds) use(pending.value, -1);
      return;
    }
    const std::uint8_t length = s.length[a.location];
    const int oldest = has_early_loads() ? oldest_readable(s.threads[t], a) : length - 1;
    for (int i = oldest; i < length; ++i) {
      const std::uint8_t value = s.history[a.location][static_cast<std::size_t>(i)];
      // The oldest place that has a value leaves more open than any other one
      bool repeated = false;
      for (int j = oldest; j < i; ++j) {
        repeated |= s.history[a.location][static_cast<std::size_t>(j)] == value;
      }
      if (!repeated) use(value, i);
    }
  }

  static std::uint8_t oldest_readable(const ThreadState& thread, const Access& a) {
    std::uint8_t oldest = thread.seen[a.location];
    for (std::size_t c = 0; c < kMaxCarrying; ++c) {
      if ((a.depends & thread.dependencies) >> c & 1) {
        oldest = std::max(oldest, thread.dependency[c][a.location]);
      }
    }
    return oldest;
  }

  // --- steps --------------------------------------------------------------------------

  void go(State& s, std::size_t t, std::uint64_t result) {
    const int node = static_cast<int>(s.threads[t].node);
    const int next = setup_.programs[t]->after(node, result);
    if (next < 0 || next > 0xffffff) throw std::length_error("a program has too many nodes");
    const Op op = setup_.programs[t]->at(node).op;
    const std::uint8_t location = setup_.programs[t]->at(node).location;
    s.threads[t].node = static_cast<std::uint32_t>(next);
    visit(s, now_, t, What::kStep, op == Op::kBarrier || op == Op::kNothing ? 0xff : location);
  }

  void add_result(ThreadState& thread, const Access& a, std::uint8_t result) const {
    if (thread.results == kMaxResults) throw std::length_error("too many copying loads");
    if (a.number != thread.results) throw std::logic_error("copying loads out of order");
    thread.result[thread.results++] = result;
  }

  // Whether one step of the thread touches nothing that others see or change: what it stores
  // goes to its buffer, what it reads is its own.
  bool is_private(const State& s, std::size_t t) {
    const Access a = access(s, t);
    switch (a.op) {
      case Op::kNothing:
        return true;
      case Op::kStore:
      case Op::kAdd:
      case Op::kLooseAdd:
        return setup_.memory != Memory::kSequential || is_own(a.location, t);
      case Op::kLoad:
        return is_own(a.location, t) || (has_early_loads() && setup_.locations[a.location].copied);
      default:
        return false;
    }
  }

  // Visits what one step of the thread leads to; false if it cannot go on.
  bool step(const State& s, std::size_t t) {
    const Access a = access(s, t);
    switch (a.op) {
      case Op::kEnd:
        return false;
      case Op::kNothing: {
        State next = s;
        go(next, t, 0);
        return true;
      }
      case Op::kLoad:
        return load(s, t, a);
      case Op::kStore:
      case Op::kLooseAdd:
        return store(s, t, a);
      case Op::kAdd:
        return add(s, t, a);
      case Op::kWait:
        return wait(s, t, a);
      case Op::kLock:
        return lock(s, t, a);
      case Op::kCompareExchange: {
        const bool failed = fail(s, t, a);
        return full(s, t, a) || failed;
      }
      case Op::kLooseCompareExchange: {
        const bool failed = fail(s, t, a);
        return exchange_loosely(s, t, a) || failed;
      }
      case Op::kExchange:
      case Op::kFetchAdd:
      case Op::kFetchOr:
      case Op::kFetchAnd:
      case Op::kBarrier:
        return full(s, t, a);
    }
    return false;
  }

  bool load(const State& s, std::size_t t, const Access& a) {
    const Location& location = setup_.locations[a.location];
    if (location.copied && has_early_loads() && pending_at(s, t, a.location) < 0) {
      State next = s;
      ThreadState& thread = next.threads[t];
      add_result(thread, a, a.location);
      thread.unread = static_cast<std::uint16_t>(thread.unread | 1U << a.number);
      thread.seen[a.location] = oldest_readable(thread, a);
      go(next, t, 0);
      return true;
    }
    bool any = false;
    for_readable(s, t, a, [&](std::uint8_t value, int place) {
      State next = s;
      ThreadState& thread = next.threads[t];
      if (place >= 0) thread.seen[a.location] = static_cast<std::uint8_t>(place);
      if (location.copied) add_result(thread, a, value);
      if (location.carries_dependency && has_early_loads()) {
        depend(next, t, a.location, place);
      }
      any = true;
      go(next, t, location.copied ? 0 : values_[value]);
    });
    return any;
  }

  void depend(State& s, std::size_t t, std::size_t location, int place) const {
    const std::size_t c = carrying_number(location);
    ThreadState& thread = s.threads[t];
    if (place < 0) {  // its own store: nothing is known of others
      thread.dependencies = static_cast<std::uint8_t>(thread.dependencies & ~(1U << c));
      return;
    }
    thread.dependencies = static_cast<std::uint8_t>(thread.dependencies | 1U << c);
    thread.dependency[c] = s.visible[c][static_cast<std::size_t>(place)];
  }

  // False while the buffer is full.
  bool put(State& s, std::size_t t, const Pending& pending) {
    if (setup_.memory == Memory::kSequential) {
      std::uint8_t value = pending.value;
      if (pending.adds) {
        value = values_.number(values_[latest(s, pending.location)] + values_[pending.value]);
      }
      make_visible(s, t, pending.location, value);
      return true;
    }
    ThreadState& thread = s.threads[t];
    if (thread.stores == kMaxPending) return false;
    thread.pending[thread.stores++] = pending;
    return true;
  }

  bool store(const State& s, std::size_t t, const Access& a) {
    State next = s;
    // x86 has no atomic operation that orders nothing
    if (a.op == Op::kLooseAdd && setup_.memory == Memory::kTotalStore) return full(s, t, a);
    if (!put(next, t, {a.location, values_.number(a.value), a.release, a.op == Op::kLooseAdd})) {
      return false;
    }
    go(next, t, 0);
    return true;
  }

  bool add(const State& s, std::size_t t, const Access& a) {
    bool any = false;
    for_readable(s, t, a, [&](std::uint8_t value, int place) {
      State next = s;
      if (place >= 0) next.threads[t].seen[a.location] = static_cast<std::uint8_t>(place);
      if (!put(next, t, {a.location, values_.number(values_[value] + a.value), false, false})) {
        return;
      }
      any = true;
      go(next, t, 0);
    });
    return any;
  }

  std::uint64_t newest(const State& s, std::size_t t, std::size_t location) const {
    const int own = pending_at(s, t, location);
    return values_[own < 0 ? latest(s, location)
                           : s.threads[t].pending[static_cast<std::size_t>(own)].value];
  }

  bool wait(const State& s, std::size_t t, const Access& a) {
    if (newest(s, t, a.location) != 0 && newest(s, t, a.second) == 0) return false;
    State next = s;
    go(next, t, 0);
    return true;
  }

  bool lock(const State& s, std::size_t t, const Access& a) {
    // An atomic operation goes to memory; x86 empties the store buffer with it
    if (setup_.memory == Memory::kTotalStore && s.threads[t].stores > 0) return false;
    if (pending_at(s, t, a.location) >= 0 || values_[latest(s, a.location)] != 0) return false;
    State next = s;
    make_visible(next, t, a.location, values_.number(1));
    see_all(next, t);
    go(next, t, 0);
    return true;
  }

  // A compare-and-exchange that fails is a load.
  bool fail(const State& s, std::size_t t, const Access& a) {
    if (setup_.memory == Memory::kTotalStore && s.threads[t].stores > 0) return false;
    bool any = false;
    for_readable(s, t, a, [&](std::uint8_t value, int place) {
      if (values_[value] == a.expected) return;
      State next = s;
      if (place >= 0) next.threads[t].seen[a.location] = static_cast<std::uint8_t>(place);
      any = true;
      go(next, t, values_[value]);
    });
    return any;
  }

  // Succeeds on the latest value, and its store is visible at once; nothing waits for anything.
  bool exchange_loosely(const State& s, std::size_t t, const Access& a) {
    if (setup_.memory != Memory::kWeak) return full(s, t, a);
    if (pending_at(s, t, a.location) >= 0) return false;
    if (values_[latest(s, a.location)] != a.expected) return false;
    State next = s;
    make_visible(next, t, a.location, values_.number(a.value));
    go(next, t, a.expected);
    return true;
  }

  // What is a full barrier: after all stores are visible and all loads are executed.
  bool full(const State& s, std::size_t t, const Access& a) {
    if (s.threads[t].stores > 0) return false;
    if (s.threads[t].unread != 0) {
      bool any = false;
      for_executed(s, t, [&](State& next) { any |= full(next, t, a); });
      return any;
    }
    State next = s;
    std::uint64_t old = 0;
    if (a.op != Op::kBarrier) {
      old = values_[latest(s, a.location)];
      std::uint64_t value = a.value;
      if ((a.op == Op::kCompareExchange || a.op == Op::kLooseCompareExchange) &&
          old != a.expected) {
        return false;
      }
      if (a.op == Op::kFetchAdd || a.op == Op::kLooseAdd) value = old + a.value;
      if (a.op == Op::kFetchOr) value = old | a.value;
      if (a.op == Op::kFetchAnd) value = old & a.value;
      make_visible(next, t, a.location, values_.number(value));
    }
    see_all(next, t);
    go(next, t, old);
    return true;
  }

  // For each value that the first copying load not executed yet may return.
  template <typename Use>
  void for_executed(const State& s, std::size_t t, Use use) const {
    std::size_t k = 0;
    while ((s.threads[t].unread >> k & 1) == 0) ++k;
    execute(s, t, k, use);
  }

  template <typename Use>
  void execute(const State& s, std::size_t t, std::size_t k, Use use) const {
    const std::uint8_t location = s.threads[t].result[k];
    const int length = s.length[location];
    for (int i = s.threads[t].seen[location]; i < length; ++i) {
      State next = s;
      ThreadState& thread = next.threads[t];
      thread.result[k] = s.history[location][static_cast<std::size_t>(i)];
      thread.unread = static_cast<std::uint16_t>(thread.unread & ~(1U << k));
      thread.seen[location] = static_cast<std::uint8_t>(i);
      use(next);
    }
  }

  // --- stores become visible ----------------------------------------------------------

  // Whether the store at `n` of the thread may become visible next.
  [[nodiscard]] bool may_become_visible(const State& s, std::size_t t, std::size_t n) const {
    const ThreadState& thread = s.threads[t];
    if (n == 0) return true;
    if (setup_.memory != Memory::kWeak || thread.pending[n].release) return false;
    return std::none_of(
        thread.pending.begin(), thread.pending.begin() + static_cast<long>(n),
        [&](const Pending& earlier) { return earlier.location == thread.pending[n].location; });
  }

  // Visits what follows when it does.
  void become_visible(const State& s, std::size_t t, std::size_t n) {
    const Pending done = s.threads[t].pending[n];
    // A copying load of the same location comes first
    for (std::size_t k = 0; k < s.threads[t].results; ++k) {
      if ((s.threads[t].unread >> k & 1) == 0) continue;
      if (s.threads[t].result[k] != done.location && !done.release) continue;
      execute(s, t, k, [&](const State& next) { become_visible(next, t, n); });
      return;
    }
    State next = s;
    std::uint8_t value = done.value;
    if (done.adds) {
      value = values_.number(values_[latest(s, done.location)] + values_[done.value]);
    }
    ThreadState& thread = next.threads[t];
    const auto begin = thread.pending.begin();
    std::copy(begin + static_cast<long>(n) + 1, begin + thread.stores,
              begin + static_cast<long>(n));
    --thread.stores;
    make_visible(next, t, done.location, value);
    visit(next, now_, t, What::kVisible, done.location);
  }

  // --- the search ---------------------------------------------------------------------

  // A step that commutes with all that other threads can do is taken first and alone: every
  // state in which nothing can go on is still reached. False if there is none.
  bool expand_private(const State& state) {
    for (std::size_t t = 0; t < setup_.programs.size(); ++t) {
      if (is_private(state, t) && step(state, t)) return true;
      for (std::size_t n = 0; n < state.threads[t].stores; ++n) {
        const std::size_t location = state.threads[t].pending[n].location;
        if (!setup_.locations[location].locked && !is_own(location, t)) continue;
        if (!may_become_visible(state, t, n)) continue;
        become_visible(state, t, n);
        return true;
      }
    }
    return false;
  }

  // Visits what follows; false if nothing does.
  bool expand(const State& state) {
    if (expand_private(state)) return true;
    bool any = false;
    for (std::size_t t = 0; t < setup_.programs.size(); ++t) {
      any |= step(state, t);
      for (std::size_t n = 0; n < state.threads[t].stores; ++n) {
        if (!may_become_visible(state, t, n)) continue;
        any = true;
        become_visible(state, t, n);
      }
    }
    if (any) return true;
    for (std::size_t t = 0; t < setup_.programs.size(); ++t) {
      if (state.threads[t].unread == 0) continue;
      for_executed(state, t, [&](State& next) { visit(next, now_, t, What::kExecuted, 0xff); });
      return true;
    }
    return false;
  }

  // Two threads that could access a location now, one of them writing, of which one counts on
  // being alone. Where that is impossible under sequential consistency it is impossible
  // elsewhere, as far as barriers order the accesses: what then comes out wrong is for
  // Setup::fault to find.
  bool find_race(const State& state) {
    for (std::size_t t = 0; t < setup_.programs.size(); ++t) {
      const Access a = access(state, t);
      for (std::size_t u = 0; u < t && a.op != Op::kEnd; ++u) {
        const Access b = access(state, u);
        if (b.op == Op::kEnd || a.location != b.location || !a.exclusive || !b.exclusive) continue;
        if (a.op == Op::kLoad && b.op == Op::kLoad) continue;
        outcome.fault = "race on " + setup_.locations[a.location].name;
        for (const std::size_t w : {u, t}) {
          Program& program = *setup_.programs[w];
          race_.push_back(program.name() + ": " +
                          program.describe(static_cast<int>(state.threads[w].node)) + ", " +
                          setup_.locations[a.location].name + ", at the same time");
        }
        return true;
      }
    }
    return false;
  }

  void tell(std::uint32_t number) {
    for (State state; origins_[number].from != kNone; number = origins_[number].from) {
      const Origin& origin = origins_[number];
      Program& program = *setup_.programs[origin.thread];
      const std::string place =
          origin.location == 0xff ? "" : ", " + setup_.locations[origin.location].name;
      encoding_.read(seen_[origin.from], state);
      switch (origin.what) {
        case What::kStep: {
          const int node = static_cast<int>(state.threads[origin.thread].node);
          outcome.trace.push_back(program.name() + ": " + program.describe(node) + place);
          break;
        }
        case What::kVisible:
          outcome.trace.push_back(program.name() + ": a store becomes visible" + place);
          break;
        case What::kExecuted:
          outcome.trace.push_back(program.name() + ": a load is executed" + place);
          break;
      }
    }
    std::reverse(outcome.trace.begin(), outcome.trace.end());
  }

  const Setup& setup_;
  Values& values_;
  Touched& touched_;
  std::vector<std::uint8_t> carrying_;
  Encoding encoding_;
  StateSet seen_;
  std::vector<Origin> origins_;  // of each state
  std::vector<std::uint32_t> open_;
  std::uint32_t now_ = kNone;  // the state that is expanded
  bool outdated_ = false;
  std::string bytes_;
  const State* end_ = nullptr;
  std::vector<std::string> race_;  // the last lines of a trace
};

}  // namespace

std::string_view name_of(Memory memory) {
  switch (memory) {
    case Memory::kSequential:
      return "sequential";
    case Memory::kTotalStore:
      return "total store order";
    case Memory::kWeak:
      return "weak";
  }
  return "?";
}

Outcome search(const Setup& setup) {
  if (setup.locations.size() > kMaxLocations) throw std::length_error("too many locations");
  if (setup.programs.size() > kMaxThreads) throw std::length_error("too many threads");
  Values values;
  Touched touched;
  while (true) {
    Search attempt(setup, values, touched);
    if (attempt.run()) return attempt.outcome;
  }
}

}  // namespace fusetrace::interleavings
