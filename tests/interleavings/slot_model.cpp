// SPDX-License-Identifier: Apache-2.0
// The hooks' part of a request's life, and what must be true of the records.
#include "interleavings/slot_model.h"

#include <map>
#include <string_view>

namespace fusetrace::interleavings {
namespace {

// What a thread handed out: the kind, the owner's number, and for a record its fields.
enum Kind : std::uint64_t { kQueued, kTableFull, kRecord, kWokenIs };

constexpr std::uint32_t kAfterQueued = 100;  // ns to each next point of a life

struct Field {
  const char* name;
  std::uint64_t (*of)(const ft_request&);
  std::uint64_t (*expected)(const Request&);
};

std::uint64_t tag(const Request& r) { return r.tag; }

#define TAGGED(field)                                                         \
  {                                                                           \
#field, [](const ft_request& r) -> std::uint64_t { return r.field; }, tag \
  }
#define TIMED(field, points)                                            \
  {                                                                     \
#field, [](const ft_request& r) -> std::uint64_t { return r.field; }, \
   [](const Request& r) -> std::uint64_t { return r.time + points * kAfterQueued; } \
  }

constexpr Field kFields[] = {
    TAGGED(client_tid),
    TAGGED(connection),
    TAGGED(woken_tid),
    TAGGED(server_prev_cpu),
    TAGGED(server_target_cpu),
    TAGGED(server_waker_cpu),
    TAGGED(server_tid),
    TAGGED(server_cpu),
    TAGGED(replier_tid),
    TAGGED(reply_cpu),
    TAGGED(unique),
    TAGGED(client_prev_cpu),
    TAGGED(client_target_cpu),
    TAGGED(client_waker_cpu),
    TIMED(queued_ns, 0),
    TIMED(server_waking_ns, 1),
    TIMED(server_running_ns, 2),
    TIMED(picked_up_ns, 3),
    TIMED(replied_ns, 4),
};

#undef TAGGED
#undef TIMED

// Of a record, after its kind and number: the words, then kFields.
enum RecordPlace : std::size_t {
  kFlags = 2,
  kMigrations,
  kPickup,
  kTaken,  // whether the closer saw the group as valid
  kWoken,
  kClientWoken,
  kFirstField,
};

ft_waking waking_of(const Request& r) {
  return {
      .at_ns = r.time + kAfterQueued, .tid = r.tag, .cpu = r.tag, .waker_cpu = r.tag, .flags = 0};
}

const Request* request_of(std::uint64_t tag) {
  for (const Request* request : {&kFirst, &kSecond, &kThird}) {
    if (request->tag == tag) return request;
  }
  return nullptr;
}

}  // namespace

SlotModel::SlotModel(unsigned fields) {
  memory_.add_object("slot", slot_);
  req_ = memory_.add("req", slot_.req, Use::kBranchedOn, kFirst.address);
  owner_ = memory_.add("owner", slot_.owner, Use::kCarries, ft_word(kFirstSeq, 0));
  served_ = memory_.add("served", slot_.served, Use::kCarries,
                        ft_word(kFirstSeq - 1, FT_SERVED_TAKEN | FT_SERVED_REPLIED));
  memory_.add("running", slot_.running, Use::kBranchedOn, ft_word(kFirstSeq - 1, 0));
  const auto copied = [&](const char* name, const auto& field, std::uint64_t initial) {
    memory_.add(name, field, Use::kCopied, initial);
  };
  if (fields & kQueueFields) copied("client_tid", slot_.client_tid, kFirst.tag);
  if (fields & kServerWakeFields) {
    copied("woken_tid", slot_.woken_tid, kLeftOver);
    copied("server_target_cpu", slot_.server_target_cpu, kLeftOver);
  }
  if (fields & kTakeFields) {
    copied("server_tid", slot_.server_tid, kLeftOver);
    copied("server_cpu", slot_.server_cpu, kLeftOver);
  }
  if (fields & kReplyFields) {
    copied("replier_tid", slot_.replier_tid, kLeftOver);
    copied("unique", slot_.unique, kLeftOver);
  }
  if (fields & kClientWakeFields) {
    copied("client_prev_cpu", slot_.client_prev_cpu, kLeftOver);
    copied("client_target_cpu", slot_.client_target_cpu, kLeftOver);
  }
  if (fields & kQueueTimes) {
    memory_.add("queued_ns", slot_.queued_ns, Use::kBranchedOn, kFirst.time);
    memory_.add("server_waking_after", slot_.server_waking_after, Use::kBranchedOn, 7);
  }
  if (fields & kServedTimes) {
    memory_.add("picked_up_ns", slot_.picked_up_ns, Use::kBranchedOn, kLeftOver);
    memory_.add("replied_ns", slot_.replied_ns, Use::kBranchedOn, kLeftOver);
  }
}

std::uint32_t SlotModel::look_up(const Request& r) { return ft_slot_of_request(&slot_, r.address); }

std::uint32_t SlotModel::queue(const Request& r) {
  const ft_queued event = {.client = r.address,
                           .at_ns = r.time,
                           .unique = r.tag,
                           .client_tid = r.tag,
                           .connection = r.tag,
                           .opcode = r.tag,
                           .cpu = r.tag,
                           .kind = FT_KIND_SYNC,
                           .wanted = 0};
  if (!ft_slot_claim(&slot_, r.address)) {
    CallTree::emit({kTableFull});
    return 0;
  }
  const std::uint32_t seq = ft_slot_begin(&slot_, &event);
  CallTree::emit({kQueued, seq, r.tag});
  return seq;
}

void SlotModel::wake_server(const Request& r, std::uint32_t seq) {
  const ft_waking event = waking_of(r);
  ft_slot_server_waking(&slot_, seq, &event);
}

void SlotModel::place_server(const Request& r, std::uint32_t seq) {
  ft_slot_server_placed(&slot_, seq, r.tag, FT_F_SERVER_TARGET_IDLE_KNOWN);
}

void SlotModel::give_hints(std::uint32_t seq) {
  ft_slot_server_hints(&slot_, seq, FT_F_SERVER_WAKE_FLAGS_KNOWN);
  ft_slot_client_hints(&slot_, seq, FT_F_CLIENT_WAKE_FLAGS_KNOWN);
}

void SlotModel::look_at_woken(const Request& r, std::uint32_t seq) {
  CallTree::emit({kWokenIs, r.tag, ft_slot_woken_tid(&slot_, seq)});
}

void SlotModel::run_server(const Request& r, std::uint32_t seq) {
  ft_slot_server_running(&slot_, seq, r.time + 2 * kAfterQueued);
}

bool SlotModel::take(const Request& r, std::uint32_t seq) {
  const ft_taken event = {.at_ns = r.time + 3 * kAfterQueued,
                          .unique = r.tag,
                          .tid = r.tag,
                          .cpu = r.tag,
                          .transport = FT_TRANSPORT_DEV,
                          .wanted = 0};
  if (seq == 0) seq = look_up(r);
  return seq != 0 && ft_slot_take(&slot_, seq, &event) != 0;
}

bool SlotModel::reply(const Request& r, std::uint32_t seq) {
  const ft_replied event = {.at_ns = r.time + 4 * kAfterQueued,
                            .tid = r.tag,
                            .cpu = r.tag,
                            .transport = 0,
                            .saved = {.unique = r.tag,
                                      .nodeid = r.tag,
                                      .req_flags = 0,
                                      .bytes_in = r.tag,
                                      .bytes_out = r.tag,
                                      .error = 0}};
  if (seq == 0) seq = look_up(r);
  return seq != 0 && ft_slot_reply(&slot_, seq, &event) != 0;
}

bool SlotModel::wake_client(const Request& r, std::uint32_t seq) {
  ft_waking event = waking_of(r);
  event.flags = FT_F_CLIENT_TARGET_IDLE_KNOWN;
  return ft_slot_client_waking(&slot_, seq, &event, 0) != 0;
}

void SlotModel::place_client(const Request& r, std::uint32_t seq) {
  ft_slot_client_placed(&slot_, seq, r.tag, 0);
}

void SlotModel::migrate_all(std::uint32_t seq) {
  ft_slot_client_migrated(&slot_, seq);
  ft_slot_server_migrated(&slot_, seq);
}

void SlotModel::finish(const Request& r, std::uint32_t seq, enum ft_resume how) {
  ft_closed closed;
  ft_request record;
  if (!ft_slot_close(&slot_, seq, &closed)) return;
  ft_slot_record(&slot_, &closed, &record);
  if (ft_closed_replied(&closed)) ft_slot_saved(&slot_, &record);
  ft_slot_resumed(&slot_, &closed, how, r.time + 6 * kAfterQueued, r.tag, &record);
  ft_slot_release(&slot_, &closed);
  CallTree::Record out = {
      kRecord,
      seq,
      record.flags & ~std::uint64_t{FT_F_CLIENT_NEVER_SLEPT | FT_F_CLIENT_TARGET_IDLE_KNOWN},
      std::uint64_t{record.migrations_client_waiting} + record.migrations_server_waiting +
          record.migrations_server_serving,
      record.pickup,
      (closed.served & FT_SERVED_TAKEN) != 0,
      (closed.owner & FT_OWNER_WOKEN) != 0,
      (closed.served & FT_SERVED_WOKEN) != 0,
  };
  for (const Field& field : kFields) out.push_back(field.of(record));
  CallTree::emit(std::move(out));
}

void SlotModel::run_client(const Request& r, std::uint32_t seq) {
  if (ft_slot_of_owner(&slot_, seq) && ft_slot_served(&slot_, seq) & FT_SERVED_REPLIED) {
    finish(r, seq, FT_RESUME_SWITCHED_IN);
  }
}

std::string SlotModel::fault(const End& end, const std::vector<CallTree*>& threads,
                             const Expected& expected) const {
  std::map<std::uint64_t, const Request*> queued = {{kFirstSeq, &kFirst}};  // by number
  for (std::size_t t = 0; t < threads.size(); ++t) {
    if (!end.is_done(t)) return "a thread cannot go on";
    for (const CallTree::Record& out : threads[t]->emitted(end.node(t))) {
      if (out[0] == kQueued && !queued.emplace(out[1], request_of(out[2])).second) {
        return "two requests have the same number";
      }
    }
  }
  std::map<std::uint64_t, int> handed_over;
  for (std::size_t t = 0; t < threads.size(); ++t) {
    for (const CallTree::Record& out : threads[t]->emitted(end.node(t))) {
      if (out[0] == kWokenIs) {
        const std::uint64_t tid = CallTree::resolve(end, t, out[2]);
        if (tid != 0 && tid != out[1]) return "another owner's woken thread is seen";
      }
      if (out[0] != kRecord) continue;
      if (++handed_over[out[1]] > 1) return "a record is handed over twice";
      const auto found = queued.find(out[1]);
      if (found == queued.end()) return "a record of no request";
      const Request* request = found->second;
      for (std::size_t f = 0; f < std::size(kFields); ++f) {
        const std::uint64_t value = CallTree::resolve(end, t, out[kFirstField + f]);
        if (value == 0 || value == FT_CPU_UNKNOWN) continue;
        if (value == kFields[f].expected(*request)) continue;
        return std::string("a record has another owner's ") + kFields[f].name;
      }
      if (request != &kFirst && expected.only_first_has_flags &&
          (out[kFlags] != 0 || out[kMigrations] != 0)) {
        return "a record has another owner's flags or migrations";
      }
      const ft_request unknown = {};
      for (std::size_t f = 0; f < std::size(kFields) && expected.second_running_is_known; ++f) {
        if (std::string_view(kFields[f].name) == "server_running_ns" && request == &kSecond &&
            out[kFirstField + f] == kFields[f].of(unknown)) {
          return "a record does not know when its server was switched in";
        }
      }
      if ((expected.taken_is_known || (expected.second_taken_is_known && request == &kSecond)) &&
          !out[kTaken])
        return "a record does not know who took it";
      if (expected.woken_is_known && !out[kWoken]) return "a record does not know who was woken";
      if (expected.client_waking_is_known && !out[kClientWoken]) {
        return "a record does not know that its client was woken";
      }
    }
  }
  const std::uint64_t owner = end.memory(owner_);
  const std::uint64_t served = end.memory(served_);
  bool open = false;
  for (const auto& [seq, request] : queued) {
    if (handed_over[seq] == 1) continue;
    if (ft_word_seq(owner) != seq || owner & FT_OWNER_HANDED ||
        end.memory(req_) != request->address) {
      return "a request is lost";
    }
    if (!expected.may_stay_open) return "a request is not handed over";
    open = true;
  }
  if (!open && end.memory(req_) != 0) return "the slot is never freed";
  if (open) return "";
  const std::uint64_t in_owner = queued.count(ft_word_seq(owner)) ? owner & FT_OWNER_WAKE_IN : 0;
  const std::uint64_t in_served = queued.count(ft_word_seq(served)) ? served & FT_SERVED_IN : 0;
  if (in_owner || in_served) return "a writer never left its group";
  return "";
}

}  // namespace fusetrace::interleavings
