// SPDX-License-Identifier: Apache-2.0
// The simulation: one clock in ticks, a heap of what happens next, and queues.
#include "patches/dequeue_policies.h"

#include <algorithm>
#include <deque>
#include <queue>
#include <set>
#include <tuple>

namespace fusetrace::patches {
namespace {

constexpr std::int64_t kServiceTicks = 16;
constexpr std::int64_t kShortThink = 8;    // on average
constexpr std::int64_t kLongThink = 4096;  // on average

struct Client {
  int cpu;
  std::int64_t think;
  bool served = false;
};

struct Server {
  int cpu;
  int client = -1;  // whose request it has
};

struct Request {
  std::int64_t number;  // in order of queueing
  std::int64_t at_take;
  int client;
};

struct Event {
  std::int64_t at;
  std::int64_t order;  // breaks ties, so that a run is always the same
  bool done;           // a server is done, else a client asks
  int who;
  bool operator>(const Event& other) const {
    return std::tie(at, order) > std::tie(other.at, other.order);
  }
};

// The same numbers on every machine (splitmix64).
class Random {
 public:
  std::uint64_t next() {
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15ULL);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
  }
  // 1 to 2 * mean - 1
  std::int64_t around(std::int64_t mean) {
    return 1 + static_cast<std::int64_t>(next() % static_cast<std::uint64_t>(2 * mean - 1));
  }

 private:
  std::uint64_t state_ = 1;
};

class Simulation {
 public:
  explicit Simulation(const Setup& setup)
      : setup_(setup),
        shards_((setup.cpus + setup.cpus_per_shard - 1) / setup.cpus_per_shard),
        queues_(static_cast<std::size_t>(shards_)),
        since_oldest_(static_cast<std::size_t>(shards_)),
        idle_(static_cast<std::size_t>(setup.cpus)) {
    place();
  }

  Figures run() {
    for (std::size_t i = 0; i < clients_.size(); ++i) {
      schedule(random_.around(clients_[i].think), false, static_cast<int>(i));
    }
    for (std::size_t i = 0; i < servers_.size(); ++i) go_idle(static_cast<int>(i));
    while (!events_.empty() && figures_.takes < setup_.takes) {
      const Event event = events_.top();
      events_.pop();
      now_ = event.at;
      if (event.done) {
        finish(event.who);
      } else {
        ask(event.who);
      }
    }
    return summary();
  }

 private:
  [[nodiscard]] int shard_of(int cpu) const { return cpu / setup_.cpus_per_shard; }
  auto& queue_of(int shard) { return queues_[static_cast<std::size_t>(shard)]; }

  void place() {
    const int cpus = setup_.cpus;
    const int servers = setup_.servers;
    const int last_shard = (shards_ - 1) * setup_.cpus_per_shard;
    for (int i = 0; i < servers; ++i) {
      // Spread evenly where they are fewer than CPUs
      const int span = setup_.load == Load::kNoServer    ? std::max(1, last_shard)
                       : setup_.load == Load::kSaturated ? saturated_span()
                                                         : cpus;
      const int cpu = setup_.load == Load::kOneCpu ? 0
                      : servers < span ? static_cast<int>(std::int64_t{i} * span / servers)
                                       : i % span;
      servers_.push_back({cpu, -1});
    }
    for (int cpu = 0; cpu < cpus; ++cpu) {
      clients_.push_back({cpu, setup_.load == Load::kSaturated ? kLongThink : kShortThink});
      if (setup_.load == Load::kUniform) clients_.push_back({cpu, kShortThink});
    }
    if (setup_.load == Load::kOneCpu) {
      for (int i = 0; i < 2 * servers; ++i) clients_.push_back({0, 1});
    }
    if (setup_.load == Load::kSaturated) {
      for (int i = 0; i < 4 * servers; ++i) clients_.push_back({0, 1});
    }
  }

  // The first half of the shards has servers, if there are two or more.
  [[nodiscard]] int saturated_span() const {
    return std::min(setup_.cpus, std::max(1, shards_ / 2) * setup_.cpus_per_shard);
  }

  void schedule(std::int64_t delay, bool done, int who) {
    events_.push({now_ + delay, order_++, done, who});
  }

  void go_idle(int server) {
    idle_[static_cast<std::size_t>(servers_[static_cast<std::size_t>(server)].cpu)].push_back(
        server);
    idle_cpus_.insert(servers_[static_cast<std::size_t>(server)].cpu);
  }

  void ask(int who) {
    const Client& client = clients_[static_cast<std::size_t>(who)];
    const int shard = setup_.policy == Policy::kFifo ? 0 : shard_of(client.cpu);
    if (queue_of(shard).empty()) heads_.emplace(number_, shard);
    if (heads_.size() == 1 && queue_of(shard).empty()) oldest_since_ = figures_.takes;
    queue_of(shard).push_back({number_++, figures_.takes, who});
    wake(client.cpu);
  }

  // Wakes the idle server nearest to `cpu`: its CPU, its shard, then any.
  void wake(int cpu) {
    if (idle_cpus_.empty()) return;
    auto it = idle_cpus_.find(cpu);
    if (it == idle_cpus_.end()) {
      const int first = shard_of(cpu) * setup_.cpus_per_shard;
      it = idle_cpus_.lower_bound(first);
      const bool in_shard = it != idle_cpus_.end() && shard_of(*it) == shard_of(cpu);
      if (!in_shard) {
        if (setup_.policy == Policy::kStrict) return;
        it = idle_cpus_.lower_bound(cpu);
        if (it == idle_cpus_.end()) it = idle_cpus_.begin();
      }
    }
    auto& sleepers = idle_[static_cast<std::size_t>(*it)];
    const int server = sleepers.back();
    sleepers.pop_back();
    if (sleepers.empty()) idle_cpus_.erase(it);
    if (!take(server)) go_idle(server);
  }

  void finish(int who) {
    Server& server = servers_[static_cast<std::size_t>(who)];
    schedule(random_.around(clients_[static_cast<std::size_t>(server.client)].think), false,
             server.client);
    server.client = -1;
    if (!take(who)) go_idle(who);
  }

  // The shard that a reader at home in `own` takes from; -1 if there is nothing for it.
  int choose(int own) {
    switch (setup_.policy) {
      case Policy::kFifo:
        figures_.heads_per_take += 1;
        return queue_of(0).empty() ? -1 : 0;
      case Policy::kStrict:
        figures_.heads_per_take += 1;
        return queue_of(own).empty() ? -1 : own;
      case Policy::kStealIfEmpty:
      case Policy::kEveryKth:
        break;
    }
    int& since = since_oldest_[static_cast<std::size_t>(own)];
    const bool due = setup_.policy == Policy::kEveryKth && since + 1 >= setup_.k;
    if (!due && !queue_of(own).empty()) {
      figures_.heads_per_take += 1;
      ++since;
      return own;
    }
    figures_.heads_per_take += static_cast<double>(std::max<std::size_t>(1, heads_.size()));
    since = 0;
    return heads_.empty() ? -1 : heads_.begin()->second;
  }

  bool take(int who) {
    Server& server = servers_[static_cast<std::size_t>(who)];
    const int own = shard_of(server.cpu);
    const int shard = choose(own);
    if (shard < 0) return false;

    auto& queue = queue_of(shard);
    const Request request = queue.front();
    queue.pop_front();
    const bool was_oldest = heads_.begin()->second == shard;
    heads_.erase({request.number, shard});
    if (!queue.empty()) heads_.emplace(queue.front().number, shard);

    Client& client = clients_[static_cast<std::size_t>(request.client)];
    client.served = true;
    own_ += shard_of(client.cpu) == own;
    ages_.push_back(figures_.takes - request.at_take);
    ++figures_.takes;
    if (was_oldest) {
      figures_.longest_as_oldest =
          std::max(figures_.longest_as_oldest, figures_.takes - oldest_since_);
      oldest_since_ = figures_.takes;
    }
    server.client = request.client;
    schedule(kServiceTicks, true, who);
    return true;
  }

  Figures summary() {
    Figures& f = figures_;
    if (!heads_.empty()) {
      f.longest_as_oldest = std::max(f.longest_as_oldest, f.takes - oldest_since_);
    }
    for (const auto& queue : queues_) {
      for (const Request& request : queue) {
        f.max_age = std::max(f.max_age, f.takes - request.at_take);
      }
    }
    // Someone who has thought all the time has not been let down
    for (std::size_t shard = 0; shard < queues_.size(); ++shard) {
      for (const Request& request : queues_[shard]) {
        f.never_taken += !clients_[static_cast<std::size_t>(request.client)].served;
      }
    }
    if (!ages_.empty()) {
      std::sort(ages_.begin(), ages_.end());
      f.median_age = ages_[ages_.size() / 2];
      f.p99_age = ages_[ages_.size() * 99 / 100];
      f.max_age = std::max(f.max_age, ages_.back());
      f.own_share = static_cast<double>(own_) / static_cast<double>(ages_.size());
      f.heads_per_take /= static_cast<double>(ages_.size());
    }
    if (setup_.policy == Policy::kEveryKth) {
      std::set<int> homes;
      for (const Server& server : servers_) homes.insert(shard_of(server.cpu));
      f.bound =
          static_cast<std::int64_t>(setup_.k - 1) * static_cast<std::int64_t>(homes.size()) + 1;
    }
    return f;
  }

  Setup setup_;
  int shards_;
  std::vector<Client> clients_;
  std::vector<Server> servers_;
  std::vector<std::deque<Request>> queues_;
  std::vector<int> since_oldest_;
  std::set<std::pair<std::int64_t, int>> heads_;  // the first request of each busy shard
  std::vector<std::vector<int>> idle_;            // per CPU, the last to fall asleep last
  std::set<int> idle_cpus_;
  std::priority_queue<Event, std::vector<Event>, std::greater<>> events_;
  Random random_;
  std::int64_t now_ = 0;
  std::int64_t order_ = 0;
  std::int64_t number_ = 0;
  std::int64_t own_ = 0;
  std::int64_t oldest_since_ = 0;
  std::vector<std::int64_t> ages_;
  Figures figures_;
};

}  // namespace

std::vector<Policy> all_policies() {
  return {Policy::kFifo, Policy::kStrict, Policy::kStealIfEmpty, Policy::kEveryKth};
}

std::string_view name_of(Policy policy) {
  switch (policy) {
    case Policy::kFifo:
      return "one queue";
    case Policy::kStrict:
      return "strict";
    case Policy::kStealIfEmpty:
      return "steal when empty";
    case Policy::kEveryKth:
      return "and every 8th the oldest";
  }
  return "?";
}

std::vector<Load> all_loads() {
  return {Load::kUniform, Load::kOneCpu, Load::kSaturated, Load::kNoServer};
}

std::string_view name_of(Load load) {
  switch (load) {
    case Load::kUniform:
      return "Clients and servers everywhere";
    case Load::kOneCpu:
      return "All servers on CPU 0, clients everywhere";
    case Load::kSaturated:
      return "One shard saturated, the others nearly idle, half without a server";
    case Load::kNoServer:
      return "The last shard has no server";
  }
  return "?";
}

Figures simulate(const Setup& setup) { return Simulation(setup).run(); }

}  // namespace fusetrace::patches
