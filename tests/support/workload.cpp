// SPDX-License-Identifier: Apache-2.0
#include "support/workload.h"

#include <cerrno>
#include <string>

#include "support/requests.h"

namespace fusetrace::test {
namespace {

constexpr uint32_t first_connection = 39;
constexpr uint64_t start_of_time_ns = 86'400'000'000'000;  // a day after boot

struct Operation {
  uint32_t opcode;
  uint32_t weight;  // of 64
  uint32_t bytes_in;
  uint32_t bytes_out;
  uint64_t service_ns;
  ft_kind kind;
};
constexpr Operation operations[] = {
    {FUSE_GETATTR, 20, 56, 120, 3'000, FT_KIND_SYNC},
    {FUSE_LOOKUP, 14, 53, 144, 6'000, FT_KIND_SYNC},
    {FUSE_READ, 12, 80, 4112, 9'000, FT_KIND_SYNC},
    {FUSE_WRITE, 6, 4176, 24, 14'000, FT_KIND_SYNC},
    {FUSE_OPEN, 3, 48, 32, 5'000, FT_KIND_SYNC},
    {FUSE_RELEASE, 3, 64, 16, 2'500, FT_KIND_ASYNC},
    {FUSE_READ, 3, 80, 131088, 40'000, FT_KIND_ASYNC},
    {FUSE_FORGET, 3, 48, 0, 0, FT_KIND_NOREPLY},
};

}  // namespace

Workload::Workload(const WorkloadOptions& options)
    : options_(options),
      state_{options.seed * 0x9e3779b97f4a7c15u + 1, ~options.seed},
      by_end_(Later{&clients_}) {
  for (int i = 0; i < 16; i++) random();
  for (uint32_t c = 0; c < options_.connections; c++) {
    unique_.push_back(1000 + random() % 100'000 * 2);
    const uint32_t tgid = 900 + 37 * c;
    for (uint32_t s = 0; s < options_.servers; s++) {
      const uint32_t tid = tgid + s;
      servers_.push_back({tid, static_cast<uint16_t>(random() % options_.cpus)});
      tasks_.push_back(make_task(tid, tgid, "passthrough_" + std::to_string(c)));
    }
  }
  for (uint32_t i = 0; i < options_.clients; i++) {
    const uint32_t tid = 41'000 + 3 * i;
    clients_.push_back({i % options_.connections, tid,
                        static_cast<uint16_t>(random() % options_.cpus), ft_request{}, 0});
    tasks_.push_back(make_task(tid, tid, "worker-" + std::to_string(i)));
  }
  for (uint32_t i = 0; i < options_.clients; i++) {
    start(clients_[i], start_of_time_ns + random() % 10'000);
    by_end_.push(i);
  }
}

// xoroshiro128+, whose state never is all zero here.
uint64_t Workload::random() {
  const uint64_t a = state_[0];
  uint64_t b = state_[1];
  const uint64_t result = a + b;
  b ^= a;
  state_[0] = ((a << 24) | (a >> 40)) ^ b ^ (b << 16);
  state_[1] = (b << 37) | (b >> 27);
  return result >> 8;
}

uint64_t Workload::duration(uint64_t median) {
  const uint64_t bits = random();
  uint64_t ns = median * 3 / 4 + (bits & 0xffff) * (median / 2) / 0xffff;
  if ((bits >> 16 & 0x7f) == 0) ns <<= 1 + (bits >> 24 & 7);
  return ns;
}

uint16_t Workload::other_cpu(uint16_t cpu) {
  if (options_.cpus < 2) return cpu;
  return static_cast<uint16_t>((cpu + 1 + random() % (options_.cpus - 1)) % options_.cpus);
}

void Workload::set_operation(ft_request& r, uint32_t connection) {
  uint32_t pick = static_cast<uint32_t>(random() % 64);
  const Operation* op = operations;
  while (pick >= op->weight) pick -= (op++)->weight;
  r.opcode = op->opcode;
  r.kind = static_cast<ft_u8>(op->kind);
  r.bytes_in = op->bytes_in;
  r.bytes_out = op->bytes_out;
  r.nodeid = 1 + random() % 256 * (random() % 4 + 1);
  if (op->opcode == FUSE_LOOKUP) {
    r.bytes_in += static_cast<uint32_t>(random() % 12);
    if (random() % 8 == 0) {
      r.error = -ENOENT;
      r.bytes_out = 16;
    }
  }
  r.connection = first_connection + connection;
  r.unique = unique_[connection] += 2;
  if (op->kind != FT_KIND_NOREPLY) r.replied_ns = duration(op->service_ns);  // from the pickup
}

void Workload::start(Client& client, uint64_t now_ns) {
  ft_request r{};
  set_operation(r, client.connection);
  const uint32_t taker = static_cast<uint32_t>(random() % options_.servers);
  Server& server = servers_[client.connection * options_.servers + taker];
  const uint32_t chance = static_cast<uint32_t>(random() % 256);

  r.transport = FT_TRANSPORT_DEV;
  r.client_tid = client.tid;
  r.server_tid = server.tid;
  r.client_cpu = client.cpu;
  r.queued_ns = now_ns;
  r.server_prev_cpu = r.server_target_cpu = r.server_waker_cpu = FT_CPU_UNKNOWN;
  if (chance < 40) {
    r.pickup = FT_PICKUP_BUSY;
    r.picked_up_ns = now_ns + duration(2'500);
  } else {
    const bool poached = chance < 48;
    r.pickup = poached ? FT_PICKUP_POACHED : FT_PICKUP_WOKEN;
    r.woken_tid = server.tid;
    r.server_prev_cpu = server.cpu;
    r.server_waker_cpu = client.cpu;
    r.server_target_cpu = chance < 120   ? server.cpu
                          : chance < 180 ? client.cpu
                                         : other_cpu(server.cpu);
    r.flags |= FT_F_SERVER_TARGET_IDLE_KNOWN;
    if (random() % 4 != 0) r.flags |= FT_F_SERVER_TARGET_IDLE;
    r.server_waking_ns = now_ns + duration(400);
    r.server_running_ns = r.server_waking_ns + duration(2'800);
    r.picked_up_ns = r.server_running_ns + duration(700);
    if (poached) {
      r.woken_tid =
          servers_[client.connection * options_.servers + (taker + 1) % options_.servers].tid;
      r.server_running_ns = 0;
    } else {
      server.cpu = r.server_target_cpu;
    }
    if (random() % 64 == 0) {
      r.migrations_server_waiting = 1;
      server.cpu = other_cpu(server.cpu);
    }
  }
  r.server_cpu = server.cpu;
  r.reply_cpu = r.resume_cpu = FT_CPU_UNKNOWN;
  r.client_prev_cpu = r.client_target_cpu = r.client_waker_cpu = FT_CPU_UNKNOWN;
  client.end_ns = r.picked_up_ns;
  if (r.kind != FT_KIND_NOREPLY) {
    r.replied_ns += r.picked_up_ns;
    r.replier_tid = server.tid;
    if (random() % 128 == 0) {
      r.migrations_server_serving = 1;
      server.cpu = other_cpu(server.cpu);
    }
    r.reply_cpu = server.cpu;
    client.end_ns = r.replied_ns;
  }
  if (r.kind == FT_KIND_SYNC) {
    r.client_waking_ns = r.replied_ns + duration(500);
    r.resumed_ns = r.client_waking_ns + duration(2'200);
    r.client_prev_cpu = client.cpu;
    r.client_waker_cpu = r.reply_cpu;
    if (random() % 8 == 0) {
      client.cpu = other_cpu(client.cpu);
      r.migrations_client_waiting = 1;
    }
    r.client_target_cpu = r.resume_cpu = client.cpu;
    r.flags |= FT_F_CLIENT_TARGET_IDLE_KNOWN;
    if (random() % 4 != 0) r.flags |= FT_F_CLIENT_TARGET_IDLE;
    client.end_ns = r.resumed_ns;
  }
  client.pending = r;
}

void Workload::next(std::span<ft_request> out) {
  for (ft_request& r : out) {
    const uint32_t index = by_end_.top();
    by_end_.pop();
    r = clients_[index].pending;
    start(clients_[index], clients_[index].end_ns + duration(900));
    by_end_.push(index);
  }
}

CaptureInfo Workload::info() const {
  CaptureInfo info;
  info.kernel = "6.18.0-test";
  info.machine = "x86_64";
  info.hostname = "testhost";
  info.fusetrace_version = "0.0.0-test";
  info.command_line = {"generate_recording"};
  std::vector<Cpu> cpus;
  for (uint32_t i = 0; i < options_.cpus; i++) cpus.push_back({i, i / 2, i / 4, i / 8, true});
  info.topology = Topology(cpus);
  info.probes = {{"queued", "tp_btf/fuse_request_send", "first choice"},
                 {"picked_up", "fexit/fuse_dev_do_read", "first choice"},
                 {"replied", "tp_btf/fuse_request_end", "first choice"},
                 {"wake_flags", "", "CPU selection cannot be hooked"}};
  for (uint32_t c = 0; c < options_.connections; c++) {
    Connection connection;
    connection.id = first_connection + c;
    connection.mount = "/mnt/test" + std::to_string(c);
    connection.fstype = "fuse.passthrough";
    connection.source = "/srv/data";
    connection.server_comm = "passthrough_" + std::to_string(c);
    connection.server_tgid = 900 + 37 * c;
    connection.server_threads = options_.servers;
    connection.transport = "dev";
    connection.waiting = 0;
    connection.max_background = 12;
    connection.congestion_threshold = 9;
    info.connections.emplace(connection.id, connection);
  }
  info.start_ns = start_of_time_ns;
  info.realtime_offset_ns = 1'750'000'000'000'000'000;
  info.boottime_offset_ns = 5'000'000'000;
  return info;
}

}  // namespace fusetrace::test
