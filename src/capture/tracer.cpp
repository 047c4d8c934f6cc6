// SPDX-License-Identifier: Apache-2.0
#include "capture/tracer.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <optional>

#include "capture/bpf_object.h"
#include "capture/topology_sysfs.h"
#include "capture/totals.h"
#include "model/request.h"
#include "system/descriptor.h"

namespace fusetrace {
namespace {

// libbpf has one print function for the process; this is where it leads.
std::function<void(const char*)>& libbpf_log() {
  static std::function<void(const char*)> log;
  return log;
}

int print_libbpf(libbpf_print_level, const char* format, va_list arguments) {
  if (!libbpf_log()) return 0;
  // As long as it comes: the verifier's reason stands at the end of its log.
  char* line = nullptr;
  const int n = vasprintf(&line, format, arguments);
  if (n < 0) return 0;
  libbpf_log()(line);
  free(line);
  return n;
}

std::string errno_text(int error) { return strerror(error < 0 ? -error : error); }

uint64_t ring_size(uint64_t wanted) {
  const auto page = static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  return std::bit_ceil(std::max(wanted, page));
}

bool named(const std::vector<std::string>& programs, const std::string& name) {
  return std::find(programs.begin(), programs.end(), name) != programs.end();
}

Result<BpfObject> open_object(const ProbePlan& plan) {
  libbpf_set_print(print_libbpf);
  BpfObject object(fusetrace_bpf__open());
  if (!object) return fail(fmt::format("cannot open the BPF object: {}", strerror(errno)));
  bpf_program* program = nullptr;
  bpf_object__for_each_program(program, object->obj) {
    const std::string name = bpf_program__name(program);
    const bool wanted = named(plan.programs, name) || named(plan.stand_ins, name);
    bpf_program__set_autoload(program, wanted || name.starts_with("iter_"));
    bpf_program__set_autoattach(program, wanted);
  }
  return object;
}

Result<void> load_object(fusetrace_bpf* object) {
  const int error = fusetrace_bpf__load(object);
  if (error == 0) return {};
  if (error == -EPERM) {
    return fail(
        "the kernel refused to load the BPF programs: Operation not permitted",
        "run as root; inside a container, grant CAP_BPF, CAP_PERFMON and, for the types of kernel "
        "modules, CAP_SYS_ADMIN");
  }
  return fail(fmt::format("cannot load the BPF programs: {}", errno_text(error)),
              "`fusetrace --log-level debug` shows what the verifier said");
}

// Runs an iterator program to its end and returns what it wrote.
Result<std::vector<char>> run_iterator(bpf_program* program) {
  const std::unique_ptr<bpf_link, int (*)(bpf_link*)> link(
      bpf_program__attach_iter(program, nullptr), bpf_link__destroy);
  if (!link) {
    return fail(fmt::format("cannot attach the iterator {}: {}", bpf_program__name(program),
                            strerror(errno)));
  }
  const Descriptor iterator(bpf_iter_create(bpf_link__fd(link.get())));
  if (!iterator) {
    return fail(
        fmt::format("cannot run the iterator {}: {}", bpf_program__name(program), strerror(errno)));
  }
  std::vector<char> out;
  char buffer[16384];
  while (true) {
    const ssize_t n = read(iterator.get(), buffer, sizeof(buffer));
    if (n == 0) break;
    if (n < 0) {
      if (errno == EINTR || errno == EAGAIN) continue;
      return fail(fmt::format("cannot read the iterator {}: {}", bpf_program__name(program),
                              strerror(errno)));
    }
    out.insert(out.end(), buffer, buffer + n);
  }
  return out;
}

template <typename T>
std::vector<T> split_records(const std::vector<char>& bytes) {
  std::vector<T> records(bytes.size() / sizeof(T));
  std::memcpy(records.data(), bytes.data(), records.size() * sizeof(T));
  return records;
}

Result<std::vector<ft_open_device>> run_device_scan(fusetrace_bpf* object) {
  auto bytes = run_iterator(object->progs.iter_devices);
  if (!bytes) return tl::make_unexpected(bytes.error());
  return split_records<ft_open_device>(*bytes);
}

}  // namespace

struct Tracer::State {
  // Destroyed in reverse: the reader before the rings, those before the object.
  ProbePlan plan;
  BpfObject object;
  std::vector<Descriptor> rings;
  std::vector<Descriptor> cgroups;
  RingReader reader;
  std::optional<Totals> totals;
  std::vector<ft_server_thread> server_threads;
  std::vector<ft_request>* requests = nullptr;  // where on_record() puts things
  std::vector<ft_task>* tasks = nullptr;
  uint64_t unknown_records = 0;
  uint64_t unanswered = 0;

  static int on_record(void* context, void* data, size_t size) {
    auto* self = static_cast<State*>(context);
    if (size == sizeof(ft_request)) {
      self->requests->emplace_back();
      std::memcpy(&self->requests->back(), data, size);
    } else if (size == sizeof(ft_task)) {
      self->tasks->emplace_back();
      std::memcpy(&self->tasks->back(), data, size);
    } else {
      ++self->unknown_records;
    }
    return 0;
  }

  Result<void> configure(const TracerOptions& options, const Features& features);
  Result<void> make_rings(uint64_t bytes);
  Result<void> add_cgroups(const std::vector<std::string>& paths);
  Result<void> attach();
  Result<std::vector<ft_open_device>> scan();
};

Result<void> Tracer::State::configure(const TracerOptions& options, const Features& features) {
  auto* settings = object->rodata;
  constexpr size_t most = std::size(fusetrace_bpf::fusetrace_bpf__rodata{}.filter_connections);
  if (options.connections.size() > most || options.pids.size() > most ||
      options.cgroups.size() > most) {
    return fail(fmt::format("too many filters of one kind: at most {}", most));
  }
  settings->filter_connections_n = static_cast<uint32_t>(options.connections.size());
  std::copy(options.connections.begin(), options.connections.end(), settings->filter_connections);
  settings->filter_tgids_n = static_cast<uint32_t>(options.pids.size());
  std::copy(options.pids.begin(), options.pids.end(), settings->filter_tgids);
  settings->filter_cgroups_n = static_cast<uint32_t>(options.cgroups.size());
  settings->filter_opcodes = !options.opcodes.empty();
  for (const uint32_t opcode : options.opcodes) {
    if (opcode >= 128) return fail(fmt::format("opcode {} cannot be filtered for", opcode));
    settings->filter_opcode_bits[opcode / 64] |= 1ull << (opcode % 64);
  }
  settings->preemptible = features.preemptible_programs;
  settings->fuse_req_type = features.fuse_req_type;
  settings->requests_told = named(plan.programs, "on_fuse_request_sent");
  settings->sample_n = std::max(options.sample_n, 1u);
  const uint32_t slots = std::bit_ceil(std::max(options.slots, 64u));
  settings->slot_mask = slots - 1;
  bpf_map__set_max_entries(object->maps.slots, slots);

  const int cpu_count = libbpf_num_possible_cpus();
  if (cpu_count < 1) return fail("cannot read the number of CPUs from /sys/devices/system/cpu");
  if (options.totals) {
    size_totals(*object, static_cast<uint32_t>(cpu_count));
    return {};
  }
  settings->rings_n = static_cast<uint32_t>(cpu_count);
  bpf_map__set_max_entries(object->maps.rings, static_cast<uint32_t>(cpu_count));
  return {};
}

Result<void> Tracer::State::make_rings(uint64_t bytes) {
  const uint64_t size = ring_size(bytes);
  std::vector<uint32_t> cpus;
  std::vector<int> fds;
  for (uint32_t cpu = 0; cpu < object->rodata->rings_n; ++cpu) {
    Descriptor ring(bpf_map_create(BPF_MAP_TYPE_RINGBUF, "ft_ring", 0, 0,
                                   static_cast<uint32_t>(size), nullptr));
    if (!ring) {
      return fail(
          fmt::format("cannot make a ring of {} bytes for CPU {}: {}", size, cpu, strerror(errno)),
          "try a smaller --buffer");
    }
    const int fd = ring.get();
    cpus.push_back(cpu);
    fds.push_back(fd);
    if (!reader) {
      reader.reset(ring_buffer__new(fd, on_record, this, nullptr));
      if (!reader) return fail(fmt::format("cannot map a ring: {}", strerror(errno)));
    } else if (const int error = ring_buffer__add(reader.get(), fd, on_record, this); error != 0) {
      return fail(fmt::format("cannot map the ring of CPU {}: {}", cpu, errno_text(error)));
    }
    rings.push_back(std::move(ring));
  }
  // All at once: each update of such a map by itself waits for an RCU grace period.
  auto count = static_cast<__u32>(cpus.size());
  if (bpf_map_update_batch(bpf_map__fd(object->maps.rings), cpus.data(), fds.data(), &count,
                           nullptr) != 0) {
    return fail(
        fmt::format("cannot install the rings of {} CPUs: {}", cpus.size(), strerror(errno)));
  }
  return {};
}

Result<void> Tracer::State::add_cgroups(const std::vector<std::string>& paths) {
  uint32_t index = 0;
  for (const std::string& path : paths) {
    Descriptor cgroup(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!cgroup) return fail(fmt::format("cannot open cgroup {}: {}", path, strerror(errno)));
    const int fd = cgroup.get();
    if (bpf_map_update_elem(bpf_map__fd(object->maps.cgroups), &index, &fd, BPF_ANY) != 0) {
      return fail(fmt::format("{} is no cgroup v2 directory: {}", path, strerror(errno)));
    }
    cgroups.push_back(std::move(cgroup));
    ++index;
  }
  return {};
}

Result<void> Tracer::State::attach() {
  bpf_program* program = nullptr;
  bpf_object__for_each_program(program, object->obj) {
    if (!bpf_program__autoload(program) || !bpf_program__autoattach(program)) continue;
    const char* name = bpf_program__name(program);
    bpf_link* link = bpf_program__attach(program);
    if (link == nullptr) {
      return fail(fmt::format("cannot attach {} ({}): {}", name, bpf_program__section_name(program),
                              strerror(errno)));
    }
    // The skeleton destroys the links that it knows.
    for (int i = 0; i < object->skeleton->prog_cnt; ++i) {
      if (std::strcmp(object->skeleton->progs[i].name, name) == 0) {
        *object->skeleton->progs[i].link = link;
      }
    }
  }
  return {};
}

Result<std::vector<ft_open_device>> Tracer::State::scan() {
  auto devices = run_device_scan(object.get());
  if (!devices) return devices;
  auto threads = run_iterator(object->progs.iter_threads);
  if (!threads) return tl::make_unexpected(threads.error());
  server_threads = split_records<ft_server_thread>(*threads);
  return devices;
}

Tracer::Tracer(std::unique_ptr<State> state) : state_(std::move(state)) {}
Tracer::Tracer(Tracer&&) noexcept = default;
Tracer& Tracer::operator=(Tracer&&) noexcept = default;

Tracer::~Tracer() {
  if (state_ && state_->object && state_->object->bss != nullptr) {
    state_->object->bss->enabled = false;
  }
}

Result<Tracer> Tracer::start(const Features& features, const TracerOptions& options) {
  libbpf_log() = options.log;
  auto state = std::make_unique<State>();
  state->plan = make_probe_plan(features, options.preference);
  if (!state->plan.missing.empty()) {
    return fail("this kernel cannot be traced: " + state->plan.missing,
                "`fusetrace doctor` shows what it offers");
  }
  auto object = open_object(state->plan);
  if (!object) return tl::make_unexpected(object.error());
  state->object = std::move(*object);

  auto done = state->configure(options, features);
  if (done) done = load_object(state->object.get());
  if (done && !options.totals) done = state->make_rings(options.ring_bytes);
  if (done) done = state->add_cgroups(options.cgroups);
  if (done) done = state->attach();
  if (!done) return tl::make_unexpected(done.error());
  auto devices = state->scan();
  if (!devices) return tl::make_unexpected(devices.error());
  if (options.totals) {
    auto totals = Totals::map(*state->object);
    if (!totals) return tl::make_unexpected(totals.error());
    state->totals = std::move(*totals);
  }
  Tracer tracer(std::move(state));
  tracer.set_topology(read_topology());
  tracer.state_->object->bss->enabled = true;
  return tracer;
}

void Tracer::drain(std::vector<ft_request>& requests, std::vector<ft_task>& tasks) {
  const auto first = static_cast<std::ptrdiff_t>(requests.size());
  if (!state_->reader) return;
  state_->requests = &requests;
  state_->tasks = &tasks;
  ring_buffer__consume(state_->reader.get());
  state_->requests = nullptr;
  state_->tasks = nullptr;
  std::stable_sort(requests.begin() + first, requests.end(),
                   [](const auto& a, const auto& b) { return end_of(a) < end_of(b); });
}

void Tracer::stop(std::vector<ft_request>& requests, std::vector<ft_task>& tasks) {
  state_->object->bss->enabled = false;
  drain(requests, tasks);
  size_t bytes = 0;
  const auto* rodata = state_->object->rodata;
  const auto count = static_cast<size_t>(rodata->slot_mask) + 1;
  const auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  bytes = (count * sizeof(ft_slot) + page - 1) / page * page;
  void* map =
      mmap(nullptr, bytes, PROT_READ, MAP_SHARED, bpf_map__fd(state_->object->maps.slots), 0);
  if (map == MAP_FAILED) return;
  const auto* slots = static_cast<const ft_slot*>(map);
  for (size_t i = 0; i < count; ++i) {
    if (slots[i].req == 0 || slots[i].queued_ns == 0 || slots[i].seq % 2 != 0) continue;
    if (rodata->filter_tgids_n != 0 && slots[i].wanted == 0) continue;
    // A reply whose client was not seen to return: only what was saved can be
    // told, since the kernel may have freed the request by now.
    if (slots[i].saved_seq != slots[i].seq || slots[i].replied_ns == 0 ||
        slots[i].served_seq != slots[i].seq) {
      ++state_->unanswered;
    } else if (ft_sampled(slots[i].connection, slots[i].unique, rodata->sample_n)) {
      ft_request& request = requests.emplace_back();
      ft_slot_record(&slots[i], slots[i].seq, &request);
      ft_slot_saved(&slots[i], &request);
    }
  }
  munmap(map, bytes);
}

void Tracer::read_totals(Snapshot& out) const {
  if (state_->totals) state_->totals->read(out);
}

std::vector<uint32_t> Tracer::connections() const {
  return state_->totals ? state_->totals->connections() : std::vector<uint32_t>{};
}

void Tracer::set_topology(const Topology& topology) {
  for (const Cpu& cpu : topology.cpus()) {
    if (cpu.id >= FT_MAX_CPUS) continue;
    state_->object->bss->places[cpu.id] = {cpu.core, cpu.llc, cpu.node, 1};
  }
}

Losses Tracer::losses() const {
  Losses sum;
  uint64_t stood_in = 0;
  for (const ft_cpu_state& cpu : state_->object->bss->cpus) {
    for (size_t i = 0; i < FT_LOSSES; ++i) sum.lost[i] += cpu.lost[i];
    for (size_t i = 0; i < FT_INCOMPLETES; ++i) sum.incomplete[i] += cpu.incomplete[i];
    stood_in += cpu.stood_in;
  }
  uint64_t skipped = 0;
  bpf_program* program = nullptr;
  bpf_object__for_each_program(program, state_->object->obj) {
    const std::string name = bpf_program__name(program);
    if (named(state_->plan.stand_ins, name)) continue;
    // What is not seen to be queued, taken or replied is incomplete, or lacks its server; only
    // a message that is read would be missed without a trace.
    if (named(state_->plan.stand_ins, name + "_again_1") && name != "fexit_fuse_dev_do_read") {
      continue;
    }
    const int fd = bpf_program__fd(program);
    bpf_prog_info info{};
    __u32 size = sizeof(info);
    if (fd >= 0 && bpf_obj_get_info_by_fd(fd, &info, &size) == 0) skipped += info.recursion_misses;
  }
  sum.lost[FT_LOSS_RECURSION] += skipped - std::min(skipped, stood_in);
  sum.lost[FT_LOSS_UNKNOWN_RECORD] += state_->unknown_records;
  sum.incomplete[FT_INCOMPLETE_UNANSWERED] += state_->unanswered;
  return sum;
}

double Tracer::run_seconds() const {
  uint64_t ns = 0;
  bpf_program* program = nullptr;
  bpf_object__for_each_program(program, state_->object->obj) {
    const int fd = bpf_program__fd(program);
    bpf_prog_info info{};
    __u32 size = sizeof(info);
    if (fd >= 0 && bpf_obj_get_info_by_fd(fd, &info, &size) == 0) ns += info.run_time_ns;
  }
  return static_cast<double>(ns) / 1e9;
}

const ProbePlan& Tracer::plan() const { return state_->plan; }

Result<std::vector<ft_open_device>> Tracer::scan_devices() { return state_->scan(); }

const std::vector<ft_server_thread>& Tracer::server_threads() const {
  return state_->server_threads;
}

Descriptor count_run_time() { return Descriptor(bpf_enable_stats(BPF_STATS_RUN_TIME)); }

Result<std::vector<ft_open_device>> scan_open_devices() {
  auto object = open_object(ProbePlan{});
  if (!object) return tl::make_unexpected(object.error());
  if (auto done = load_object(object->get()); !done) return tl::make_unexpected(done.error());
  return run_device_scan(object->get());
}

}  // namespace fusetrace
