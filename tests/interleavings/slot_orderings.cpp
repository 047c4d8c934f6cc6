// SPDX-License-Identifier: Apache-2.0
// The table of orderings.
#include "interleavings/slot_orderings.h"

#include "interleavings/slot_casts.h"

namespace fusetrace::interleavings {
namespace {

constexpr const char* kAborted = "taken while it is aborted";
constexpr const char* kWoken = "a server is woken while it is handed over";
constexpr const char* kBoth = "replier and client hand it over";
constexpr const char* kClient = "the client is woken while it runs";
constexpr const char* kSwitchedIn = "the woken server is switched in late";
constexpr const char* kLate = "migrations and hints that come late";
constexpr const char* kPlaced = "a woken server is placed late";
constexpr const char* kClients = "two clients wake a server";
constexpr const char* kLook = "a late look at who was woken";
constexpr const char* kTakers = "two threads take it";
constexpr const char* kQueued = "taken while it is queued";
constexpr const char* kClaims = "two claim a slot that becomes free";
constexpr bool kIsOrder = true;
constexpr std::uint64_t kLimit = 100'000;  // of states: what shows a failure shows it early

constexpr Ordering kOrderings[] = {
    {"number_before_address", "lookup: the owner's number is read before the address", kAborted},
    {"address_follows_number", "lookup: on arm64 the address is read after the number", kAborted,
     kIsOrder},
    {"order_claim", "claim: the exchange is a full barrier", kClaims, kIsOrder},
    {"queued_fields_first", "queue: the fields are visible before the owner's number is", kQueued,
     kIsOrder},
    {"wake_enters_own", "server's wakeup: only of the owner that is remembered", kWoken},
    {"wake_enters_open", "server's wakeup: not once the request is handed over", kWoken},
    {"one_queueing_writer", "server's wakeup: one writer at a time", kClients},
    {"order_wake_leave", "server's wakeup: leaving is a full barrier", kWoken, kIsOrder},
    {"woken_follows_owner", "look: who was woken is read after the word that tells of it", kLook,
     kIsOrder},
    {"running_not_newer", "switch-in: not of an owner before the one that was seen last",
     kSwitchedIn},
    {"hints_of_own", "hints: only of the owner that is remembered", kLate},
    {"count_own", "migrations: only of the owner that is remembered", kLate},
    {"one_serving_writer", "serving side: one writer in a group, no taker after the reply",
     kTakers},
    {"served_not_newer", "serving side: not into the word of a later owner", kAborted},
    {"order_serve_enter", "serving side: entering is a full barrier", kClient, kIsOrder},
    {"look_at_owner_after_entering", "serving side: a writer looks at the owner after it entered",
     kClient},
    {"order_serve_leave", "serving side: leaving is a full barrier", kClient, kIsOrder},
    {"leave_own", "serving side: bits are set only for the owner that is remembered", kLate},
    {"close_own", "close: only the owner that is remembered", kBoth},
    {"one_closer", "close: one CPU hands a request over", kBoth},
    {"served_before_its_fields", "close: the serving side's word is read before its fields",
     kClient, kIsOrder},
    {"leave_out_half_written", "record: a group that somebody writes is left out", kPlaced},
    {"wait_for_queueing_writer", "release: a writer of the queueing side frees the slot", kWoken},
    {"wait_for_serving_writer", "release: a writer of the serving side frees the slot", kClient},
    {"order_orphan", "release: leaving the slot to its writer is a full barrier", kAborted,
     kIsOrder},
    {"read_before_free", "free: what was read of the slot is read before it is free", kBoth,
     kIsOrder},
};

std::string cell(const Ordering& ordering, Memory memory) {
  const std::string failure = failure_without(ordering, memory);
  return failure.empty() ? "–" : failure;
}

}  // namespace

std::span<const Ordering> orderings() { return kOrderings; }

std::string failure_without(const Ordering& ordering, Memory memory) {
  // The same program: what is taken away is the same instruction there
  if (ordering.is_order && memory != Memory::kWeak) return "";
  for (const SlotCast& cast : slot_casts()) {
    if (std::string_view(cast.name) != ordering.cast) continue;
    for (const unsigned fields : cast.followed) {
      const Outcome outcome = search(cast, fields, memory, ordering.rule, kLimit);
      if (!outcome.fault.empty()) return outcome.fault;
    }
  }
  return "";
}

std::string table_head() {
  return "| without | shown by | sequential | total store order | weak |\n|---|---|---|---|---|\n";
}

std::string table_row(const Ordering& ordering) {
  return std::string("| ") + ordering.keeps + " (`" + ordering.rule + "`) | " + ordering.cast +
         " | " + cell(ordering, Memory::kSequential) + " | " + cell(ordering, Memory::kTotalStore) +
         " | " + cell(ordering, Memory::kWeak) + " |\n";
}

}  // namespace fusetrace::interleavings
