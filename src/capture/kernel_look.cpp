// SPDX-License-Identifier: Apache-2.0
#include "capture/kernel_look.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <set>

#include "system/descriptor.h"

// The skeleton is generated C that names types of open_requests.h.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpedantic"
#include "stuck.skel.h"
#pragma GCC diagnostic pop

namespace fusetrace {
namespace {

struct ObjectDeleter {
  void operator()(stuck_bpf* object) const { stuck_bpf__destroy(object); }
};

// libbpf has one print function for the process; this is where it leads meanwhile.
std::function<void(const char*)>& look_log() {
  static std::function<void(const char*)> log;
  return log;
}

int print_look(libbpf_print_level, const char* format, va_list arguments) {
  if (!look_log()) return 0;
  char* line = nullptr;
  const int n = vasprintf(&line, format, arguments);
  if (n < 0) return 0;
  look_log()(line);
  free(line);
  return n;
}

template <typename T>
Result<std::vector<T>> run_iterator(bpf_program* program) {
  const char* name = bpf_program__name(program);
  const std::unique_ptr<bpf_link, int (*)(bpf_link*)> link(
      bpf_program__attach_iter(program, nullptr), bpf_link__destroy);
  if (!link) {
    return fail(fmt::format("cannot attach the iterator {}: {}", name, strerror(errno)));
  }
  const Descriptor iterator(bpf_iter_create(bpf_link__fd(link.get())));
  if (!iterator) return fail(fmt::format("cannot run the iterator {}: {}", name, strerror(errno)));
  std::vector<T> out;
  std::vector<char> rest;
  char buffer[32768];
  while (true) {
    const ssize_t n = read(iterator.get(), buffer, sizeof(buffer));
    if (n == 0) return out;
    if (n < 0) {
      if (errno == EINTR || errno == EAGAIN) continue;
      return fail(fmt::format("cannot read the iterator {}: {}", name, strerror(errno)));
    }
    // A read may end in the middle of a record.
    rest.insert(rest.end(), buffer, buffer + n);
    const size_t whole = rest.size() / sizeof(T);
    const size_t before = out.size();
    out.resize(before + whole);
    std::memcpy(out.data() + before, rest.data(), whole * sizeof(T));
    rest.erase(rest.begin(), rest.begin() + static_cast<std::ptrdiff_t>(whole * sizeof(T)));
  }
}

// Takes all entries out of a hash table whose keys are Key.
template <typename Key, typename Value>
Result<std::vector<Value>> take_all(bpf_map* map) {
  constexpr __u32 at_once = 1024;
  std::vector<Value> out;
  std::vector<Key> keys(at_once);
  std::vector<Value> values(at_once);
  uint64_t batch[2] = {};
  void* from = nullptr;
  while (true) {
    __u32 count = at_once;
    const int error = bpf_map_lookup_and_delete_batch(bpf_map__fd(map), from, batch, keys.data(),
                                                      values.data(), &count, nullptr);
    if (error != 0 && error != -ENOENT) {
      return fail(
          fmt::format("cannot read the table {}: {}", bpf_map__name(map), strerror(-error)));
    }
    out.insert(out.end(), values.begin(), values.begin() + count);
    if (error == -ENOENT) return out;
    from = batch;
  }
}

}  // namespace

struct KernelLook::State {
  std::unique_ptr<stuck_bpf, ObjectDeleter> object;
};

KernelLook::KernelLook(std::unique_ptr<State> state) : state_(std::move(state)) {}
KernelLook::KernelLook(KernelLook&&) noexcept = default;
KernelLook& KernelLook::operator=(KernelLook&&) noexcept = default;
KernelLook::~KernelLook() = default;

Result<KernelLook> KernelLook::load(std::function<void(const char*)> log) {
  look_log() = std::move(log);
  const auto print_before = libbpf_set_print(print_look);
  auto state = std::make_unique<State>();
  state->object.reset(stuck_bpf__open());
  const int error = state->object ? stuck_bpf__load(state->object.get()) : -errno;
  libbpf_set_print(print_before);
  if (error == -EPERM) {
    return fail(
        "the kernel refused to load the BPF programs that look for open requests: Operation not "
        "permitted",
        "run as root; inside a container, grant CAP_BPF, CAP_PERFMON and, for the types of kernel "
        "modules, CAP_SYS_ADMIN");
  }
  if (error != 0) {
    return fail(fmt::format("cannot load the BPF programs that look for open requests: {}",
                            strerror(-error)),
                "`fusetrace --log-level debug` shows what the verifier said");
  }
  return KernelLook(std::move(state));
}

Result<RawLook> KernelLook::look(bool with_inodes) {
  stuck_bpf* object = state_->object.get();
  object->bss->walk_inodes = with_inodes;
  object->bss->requests_not_kept = 0;
  RawLook out;
  auto holders = run_iterator<ft_device_holder>(object->progs.stuck_devices);
  if (!holders) return tl::make_unexpected(holders.error());
  out.holders = std::move(*holders);
  auto tasks = run_iterator<ft_blocked_task>(object->progs.stuck_tasks);
  if (!tasks) return tl::make_unexpected(tasks.error());
  out.tasks = std::move(*tasks);
  auto requests = take_all<uint64_t, ft_open_request>(object->maps.open_requests);
  if (!requests) return tl::make_unexpected(requests.error());
  out.requests = std::move(*requests);
  auto connections = take_all<uint64_t, ft_open_connection>(object->maps.open_connections);
  if (!connections) return tl::make_unexpected(connections.error());
  out.connections = std::move(*connections);
  // The next look begins with empty tables.
  if (auto ok = take_all<uint64_t, ft_wait>(object->maps.waits); !ok) {
    return tl::make_unexpected(ok.error());
  }
  if (auto ok = take_all<uint32_t, uint32_t>(object->maps.server_processes); !ok) {
    return tl::make_unexpected(ok.error());
  }
  out.not_kept = object->bss->requests_not_kept;
  out.jiffies_now = object->bss->jiffies_now;
  return out;
}

Result<std::unordered_map<uint64_t, std::string>> KernelLook::symbols(
    const std::vector<ft_blocked_task>& of) {
  std::set<uint64_t> addresses;
  for (const ft_blocked_task& task : of) {
    addresses.insert(task.stack, task.stack + std::min<size_t>(task.frames, FT_BLOCKED_FRAMES));
  }
  std::unordered_map<uint64_t, std::string> names;
  ft_symbol_batch& batch = state_->object->bss->symbols;
  for (auto at = addresses.begin(); at != addresses.end();) {
    batch.count = 0;
    std::memset(batch.names, 0, sizeof(batch.names));
    for (; at != addresses.end() && batch.count < FT_SYMBOL_BATCH; ++at) {
      batch.addresses[batch.count++] = *at;
    }
    LIBBPF_OPTS(bpf_test_run_opts, options);
    const int error =
        bpf_prog_test_run_opts(bpf_program__fd(state_->object->progs.stuck_symbols), &options);
    if (error != 0) {
      return fail(fmt::format("cannot run the program stuck_symbols: {}", strerror(-error)));
    }
    for (uint32_t i = 0; i < batch.count; ++i) {
      std::string name(batch.names[i], strnlen(batch.names[i], FT_SYMBOL_LEN));
      // "fuse_dev_do_read [fuse]" where FUSE is a module; a bare number is no name.
      name = name.substr(0, name.find(' '));
      names[batch.addresses[i]] = name.empty() || name.starts_with("0x") ? "?" : name;
    }
  }
  return names;
}

}  // namespace fusetrace
