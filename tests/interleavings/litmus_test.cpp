// SPDX-License-Identifier: Apache-2.0
// The search on small programs for which it is known what x86 (total store order) and arm64
// allow. The names are those of the literature; what arm64 allows is what the axiomatic model
// of the Arm ARM (B2.3) says, but for load buffering, which the search knows of copying loads
// only.
#include <gtest/gtest.h>

#include <array>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "interleavings/call_tree.h"
#include "interleavings/search.h"

namespace fusetrace::interleavings {
namespace {

std::uint64_t load(std::uint64_t& x) { return ft_model_load(&x, 8, nullptr); }
std::uint64_t load_by(std::uint64_t& x, std::uint64_t& from) { return ft_model_load(&x, 8, &from); }
void store(std::uint64_t& x, std::uint64_t value) { ft_model_store(&x, 8, value); }
// A full barrier, of what BPF has.
void barrier(std::uint64_t& any) { ft_model_or(&any, 8, 0); }

// Shared by all: two places to read and write, one whose value addresses are computed from,
// two that are only copied, and one more for each thread's barriers.
struct Places {
  std::uint64_t x = 0, y = 0, pointer = 0, copied_x = 0, copied_y = 0;
  std::array<std::uint64_t, 4> spare{};
};

class Litmus {
 public:
  Litmus() {
    memory_.add("x", at.x);
    memory_.add("y", at.y);
    memory_.add("pointer", at.pointer, Use::kCarries);
    memory_.add("copied x", at.copied_x, Use::kCopied);
    memory_.add("copied y", at.copied_y, Use::kCopied);
    for (std::uint64_t& spare : at.spare) memory_.add("spare", spare);
  }

  // Whether some end is reached in which `wanted` is true of what the threads handed out.
  using Seen = std::vector<std::vector<std::uint64_t>>;  // by thread, in order
  bool allows(Memory model, const std::vector<std::function<void()>>& bodies,
              const std::function<bool(const Seen&)>& wanted) {
    std::vector<std::unique_ptr<CallTree>> trees;
    Setup setup{.locations = memory_.locations(), .programs = {}, .memory = model, .fault = {}};
    for (std::size_t t = 0; t < bodies.size(); ++t) {
      trees.push_back(
          std::make_unique<CallTree>("thread " + std::to_string(t), memory_, model, "", bodies[t]));
      setup.programs.push_back(trees.back().get());
    }
    setup.fault = [&](const End& end) -> std::string {
      Seen seen;
      for (std::size_t t = 0; t < trees.size(); ++t) {
        EXPECT_TRUE(end.is_done(t));
        seen.emplace_back();
        for (const CallTree::Record& record : trees[t]->emitted(end.node(t))) {
          for (const std::uint64_t field : record) {
            seen.back().push_back(CallTree::resolve(end, t, field));
          }
        }
      }
      return wanted(seen) ? "seen" : "";
    };
    const Outcome outcome = search(setup);
    EXPECT_TRUE(outcome.complete || !outcome.fault.empty());
    EXPECT_EQ(outcome.fault.empty(), outcome.trace.empty());
    return !outcome.fault.empty();
  }

  // "st-": whether it is allowed sequentially, in total store order, in weak memory.
  std::string allowed(const std::vector<std::function<void()>>& bodies,
                      const std::function<bool(const Seen&)>& wanted) {
    std::string all;
    for (Memory model : {Memory::kSequential, Memory::kTotalStore, Memory::kWeak}) {
      all += allows(model, bodies, wanted) ? std::string(name_of(model)).substr(0, 1) : "-";
    }
    return all;
  }

  Places at;

 private:
  SharedMemory memory_;
};

class LitmusTest : public ::testing::Test {
 protected:
  using Seen = Litmus::Seen;
  void writes(std::uint64_t& place, std::uint64_t value) { store(place, value); }
  Litmus litmus_;
  Places& at = litmus_.at;
};

TEST_F(LitmusTest, StoreBuffering) {
  const auto both_old = [](const Seen& s) { return s[0][0] == 0 && s[1][0] == 0; };
  EXPECT_EQ(litmus_.allowed({[&] {
                               store(at.x, 1);
                               CallTree::emit({load(at.y)});
                             },
                             [&] {
                               store(at.y, 1);
                               CallTree::emit({load(at.x)});
                             }},
                            both_old),
            "-tw");
  EXPECT_EQ(litmus_.allowed({[&] {
                               store(at.x, 1);
                               barrier(at.spare[0]);
                               CallTree::emit({load(at.y)});
                             },
                             [&] {
                               store(at.y, 1);
                               barrier(at.spare[1]);
                               CallTree::emit({load(at.x)});
                             }},
                            both_old),
            "---");
  // One barrier is not enough.
  EXPECT_EQ(litmus_.allowed({[&] {
                               store(at.x, 1);
                               barrier(at.spare[0]);
                               CallTree::emit({load(at.y)});
                             },
                             [&] {
                               store(at.y, 1);
                               CallTree::emit({load(at.x)});
                             }},
                            both_old),
            "-tw");
}

TEST_F(LitmusTest, MessagePassing) {
  const auto stale = [](const Seen& s) { return s[1][0] == 1 && s[1][1] == 0; };
  const auto writer = [&] {
    store(at.x, 1);
    store(at.y, 1);
  };
  const auto ordered_writer = [&] {
    store(at.x, 1);
    ft_model_publish(&at.y, 8, 1);
  };
  const auto reader = [&] {
    const std::uint64_t y = load(at.y);
    const std::uint64_t x = load(at.x);
    CallTree::emit({y, x});
  };
  const auto ordered_reader = [&] {
    const std::uint64_t y = load(at.y);
    barrier(at.spare[1]);
    const std::uint64_t x = load(at.x);
    CallTree::emit({y, x});
  };
  EXPECT_EQ(litmus_.allowed({writer, reader}, stale), "--w");
  EXPECT_EQ(litmus_.allowed({ordered_writer, reader}, stale), "--w");  // a load runs early
  EXPECT_EQ(litmus_.allowed({writer, ordered_reader}, stale), "--w");  // a store is late
  EXPECT_EQ(litmus_.allowed({ordered_writer, ordered_reader}, stale), "---");
}

// A branch between two loads does not order them (control dependency).
TEST_F(LitmusTest, MessagePassingWithABranch) {
  EXPECT_EQ(litmus_.allowed({[&] {
                               store(at.x, 1);
                               ft_model_publish(&at.y, 8, 1);
                             },
                             [&] {
                               if (load(at.y) == 1) CallTree::emit({load(at.x)});
                             }},
                            [](const Seen& s) { return s[1].size() == 1 && s[1][0] == 0; }),
            "--w");
}

TEST_F(LitmusTest, MessagePassingWithAnAddressDependency) {
  const auto stale = [](const Seen& s) { return s[1].size() == 1 && s[1][0] == 0; };
  const auto reader = [&] {
    if (load(at.pointer) == 1) CallTree::emit({load_by(at.x, at.pointer)});
  };
  EXPECT_EQ(litmus_.allowed({[&] {
                               store(at.x, 1);
                               ft_model_publish(&at.pointer, 8, 1);
                             },
                             reader},
                            stale),
            "---");
  EXPECT_EQ(litmus_.allowed({[&] {
                               store(at.x, 1);
                               store(at.pointer, 1);
                             },
                             reader},
                            stale),
            "--w");
}

// What the dependency orders is what was visible before the pointer was, not the latest one.
TEST_F(LitmusTest, AnAddressDependencyOrdersOnlyWhatCameBefore) {
  EXPECT_EQ(litmus_.allowed({[&] {
                               ft_model_publish(&at.pointer, 8, 1);
                               store(at.x, 1);
                               ft_model_publish(&at.y, 8, 1);
                             },
                             [&] {
                               const std::uint64_t pointer = load(at.pointer);
                               const std::uint64_t y = load(at.y);
                               const std::uint64_t x = load_by(at.x, at.pointer);
                               CallTree::emit({pointer, y, x});
                             }},
                            [](const Seen& s) {
                              return s[1] == std::vector<std::uint64_t>{1, 1, 0};
                            }),
            "--w");
}

TEST_F(LitmusTest, CoherenceOfTwoLoads) {
  EXPECT_EQ(litmus_.allowed({[&] { store(at.x, 1); },
                             [&] {
                               const std::uint64_t first = load(at.x);
                               const std::uint64_t second = load(at.x);
                               CallTree::emit({first, second});
                             }},
                            [](const Seen& s) { return s[1][0] == 1 && s[1][1] == 0; }),
            "---");
}

TEST_F(LitmusTest, CoherenceOfStores) {
  const auto reader = [&] {
    const std::uint64_t first = load(at.x);
    const std::uint64_t second = load(at.x);
    CallTree::emit({first, second});
  };
  // Two of one thread are seen in their order,
  EXPECT_EQ(litmus_.allowed({[&] {
                               store(at.x, 1);
                               store(at.x, 2);
                             },
                             reader},
                            [](const Seen& s) { return s[1][0] == 2 && s[1][1] == 1; }),
            "---");
  // those of two threads by all in the same one,
  EXPECT_EQ(litmus_.allowed({[&] { store(at.x, 1); }, [&] { store(at.x, 2); }, reader, reader},
                            [](const Seen& s) {
                              return s[2] == std::vector<std::uint64_t>{1, 2} &&
                                     s[3] == std::vector<std::uint64_t>{2, 1};
                            }),
            "---");
  // and a thread sees its own at once.
  EXPECT_EQ(litmus_.allowed({[&] {
                              store(at.x, 1);
                              CallTree::emit({load(at.x)});
                            }},
                            [](const Seen& s) { return s[0][0] != 1; }),
            "---");
}

// Two readers that see two stores in opposite orders.
TEST_F(LitmusTest, IndependentReadsOfIndependentWrites) {
  const auto opposite = [](const Seen& s) {
    return s[2] == std::vector<std::uint64_t>{1, 0} && s[3] == std::vector<std::uint64_t>{1, 0};
  };
  const auto reads = [&](std::uint64_t& first, std::uint64_t& second, std::uint64_t* spare) {
    return [&first, &second, spare] {
      const std::uint64_t one = load(first);
      if (spare != nullptr) barrier(*spare);
      const std::uint64_t two = load(second);
      CallTree::emit({one, two});
    };
  };
  const auto x = [&] { store(at.x, 1); };
  const auto y = [&] { store(at.y, 1); };
  EXPECT_EQ(
      litmus_.allowed({x, y, reads(at.x, at.y, nullptr), reads(at.y, at.x, nullptr)}, opposite),
      "--w");
  // A store becomes visible to all at once: barriers between the loads are enough.
  EXPECT_EQ(litmus_.allowed(
                {x, y, reads(at.x, at.y, &at.spare[2]), reads(at.y, at.x, &at.spare[3])}, opposite),
            "---");
}

TEST_F(LitmusTest, WriteToReadCausality) {
  EXPECT_EQ(litmus_.allowed({[&] { store(at.x, 1); },
                             [&] {
                               if (load(at.x) == 1) store(at.pointer, 1);  // a control dependency
                             },
                             [&] {
                               if (load(at.pointer) == 1)
                                 CallTree::emit({load_by(at.x, at.pointer)});
                             }},
                            [](const Seen& s) { return s[2].size() == 1 && s[2][0] == 0; }),
            "---");
}

TEST_F(LitmusTest, TwoPlusTwoWrites) {
  const auto crossed = [](const Seen& s) { return s[2] == std::vector<std::uint64_t>{1, 2, 1, 2}; };
  // Each place is read twice; to end with the first stores of both, both orders are turned.
  const auto reader = [&] {
    const std::uint64_t x1 = load(at.x);
    const std::uint64_t x2 = load(at.x);
    const std::uint64_t y1 = load(at.y);
    const std::uint64_t y2 = load(at.y);
    CallTree::emit({x1, x2, y1, y2});
  };
  EXPECT_EQ(litmus_.allowed({[&] {
                               store(at.x, 2);
                               store(at.y, 1);
                             },
                             [&] {
                               store(at.y, 2);
                               store(at.x, 1);
                             },
                             reader},
                            crossed),
            "--w");
}

// A load that nothing depends on may be executed after a later store is visible.
TEST_F(LitmusTest, LoadBufferingOfCopyingLoads) {
  const auto both_new = [](const Seen& s) { return s[0][0] == 1 && s[1][0] == 1; };
  const auto thread = [&](std::uint64_t& from, std::uint64_t& to) {
    return [&] {
      CallTree::emit({load(from)});
      store(to, 1);
    };
  };
  EXPECT_EQ(litmus_.allowed({thread(at.copied_x, at.copied_y), thread(at.copied_y, at.copied_x)},
                            both_new),
            "--w");
  EXPECT_EQ(litmus_.allowed({[&] {
                               CallTree::emit({load(at.copied_x)});
                               ft_model_publish(&at.copied_y, 8, 1);
                             },
                             [&] {
                               CallTree::emit({load(at.copied_y)});
                               ft_model_publish(&at.copied_x, 8, 1);
                             }},
                            both_new),
            "---");
}

// ... but not after one to the same place, nor after a later load of it was.
TEST_F(LitmusTest, CopyingLoadsAreCoherent) {
  EXPECT_EQ(litmus_.allowed({[&] {
                              CallTree::emit({load(at.copied_x)});
                              store(at.copied_x, 1);
                            }},
                            [](const Seen& s) { return s[0][0] == 1; }),
            "---");
  EXPECT_EQ(litmus_.allowed({[&] { store(at.copied_x, 1); },
                             [&] {
                               const std::uint64_t first = load(at.copied_x);
                               const std::uint64_t second = load(at.copied_x);
                               CallTree::emit({first, second});
                             }},
                            [](const Seen& s) { return s[1][0] == 1 && s[1][1] == 0; }),
            "---");
}

TEST_F(LitmusTest, CompareExchangeSucceedsOnce) {
  const auto taker = [&] { CallTree::emit({ft_model_cas(&at.x, 8, 0, 1)}); };
  EXPECT_EQ(litmus_.allowed({taker, taker}, [](const Seen& s) { return s[0][0] == s[1][0]; }),
            "---");
}

// One that succeeds is a full barrier, one that fails is a load.
TEST_F(LitmusTest, CompareExchangeOrdersOnlyIfItSucceeds) {
  const auto writer = [&] {
    store(at.x, 1);
    ft_model_publish(&at.y, 8, 1);
  };
  const auto stale = [](const Seen& s) { return s[1][0] == 1 && s[1][1] == 0; };
  EXPECT_EQ(litmus_.allowed({writer,
                             [&] {
                               const std::uint64_t y = ft_model_cas(&at.y, 8, 7, 8);
                               const std::uint64_t x = load(at.x);
                               CallTree::emit({y, x});
                             }},
                            stale),
            "--w");
  EXPECT_EQ(litmus_.allowed({writer,
                             [&] {
                               const std::uint64_t y = ft_model_cas(&at.y, 8, 1, 2);
                               const std::uint64_t x = load(at.x);
                               CallTree::emit({y, x});
                             }},
                            stale),
            "---");
}

TEST_F(LitmusTest, AtomicOperationsLoseNothing) {
  const auto sum_is_not_two = [&](const Seen& s) { return s[2].empty() ? false : s[2][0] != 2; };
  const auto adds = [&] { ft_model_add(&at.x, 8, 1); };
  const auto counts = [&] { ft_model_count(&at.x, 8, 1); };
  const auto reader = [&] {
    // Waits for nobody: only what it saw once both had been there counts.
    if (load(at.y) == 2) CallTree::emit({load(at.x)});
  };
  const auto then_tells = [&](const std::function<void()>& act) {
    return [&, act] {
      act();
      ft_model_add(&at.y, 8, 1);
    };
  };
  const auto plainly = [&] {
    const std::uint64_t x = load(at.x);
    store(at.x, x + 1);
  };
  const auto ordered_reader = [&] {
    const std::uint64_t y = load(at.y);
    barrier(at.spare[2]);
    if (y == 2) CallTree::emit({load(at.x)});
  };
  EXPECT_EQ(litmus_.allowed({then_tells(adds), then_tells(adds), ordered_reader}, sum_is_not_two),
            "---");
  EXPECT_EQ(
      litmus_.allowed({then_tells(counts), then_tells(counts), ordered_reader}, sum_is_not_two),
      "---");
  EXPECT_EQ(litmus_.allowed({then_tells(adds), then_tells(adds), reader}, sum_is_not_two), "--w");
  EXPECT_EQ(
      litmus_.allowed({then_tells(plainly), then_tells(plainly), ordered_reader}, sum_is_not_two),
      "stw");
}

// An atomic addition that returns nothing orders nothing on arm64, everything on x86.
TEST_F(LitmusTest, CountingIsNoBarrier) {
  EXPECT_EQ(litmus_.allowed({[&] {
                               store(at.x, 1);
                               ft_model_count(&at.spare[0], 8, 1);
                               CallTree::emit({load(at.y)});
                             },
                             [&] {
                               store(at.y, 1);
                               ft_model_count(&at.spare[1], 8, 1);
                               CallTree::emit({load(at.x)});
                             }},
                            [](const Seen& s) { return s[0][0] == 0 && s[1][0] == 0; }),
            "--w");
}

TEST_F(LitmusTest, ExclusiveUseAtOnceIsARace) {
  const auto race = [&](const std::function<void()>& a, const std::function<void()>& b) {
    return litmus_.allowed({a, b}, [](const Seen&) { return false; });
  };
  const auto puts = [&] { ft_model_put(&at.copied_x, 8, 1); };
  const auto gets = [&] { CallTree::emit({ft_model_get(&at.copied_x, 8)}); };
  EXPECT_EQ(race(puts, puts), "s--");
  EXPECT_EQ(race(puts, gets), "s--");
  EXPECT_EQ(race(gets, gets), "---");
  EXPECT_EQ(race(
                [&] {
                  ft_model_put(&at.copied_x, 8, 1);
                  ft_model_publish(&at.x, 8, 1);
                },
                [&] {
                  if (load(at.x) == 1) CallTree::emit({ft_model_get(&at.copied_x, 8)});
                }),
            "---");
}

TEST_F(LitmusTest, ABodyMustNotDependOnWhatIsLeftOut) {
  struct {
    std::uint64_t in, out;
  } object{};
  SharedMemory memory;
  memory.add_object("object", object);
  memory.add("in", object.in);
  CallTree good("good", memory, Memory::kSequential, "", [&] {
    load(object.in);
    load(object.out);
    load(object.in);
  });
  EXPECT_EQ(good.at(good.after(good.after(0, 0), 0)).op, Op::kEnd);
  CallTree bad("bad", memory, Memory::kSequential, "", [&] {
    load(object.in);
    if (load(object.out) != 0) load(object.in);
  });
  EXPECT_THROW(bad.after(0, 0), std::logic_error);
  std::uint64_t unknown = 0;
  EXPECT_THROW(CallTree("lost", memory, Memory::kSequential, "", [&] { load(unknown); }),
               std::logic_error);
  EXPECT_THROW(CallTree("part", memory, Memory::kSequential, "",
                        [&] { ft_model_load(&object.in, 4, nullptr); }),
               std::logic_error);
}

}  // namespace
}  // namespace fusetrace::interleavings
