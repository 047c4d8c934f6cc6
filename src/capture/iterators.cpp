// SPDX-License-Identifier: Apache-2.0
#include "capture/iterators.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "capture/bpf_object.h"
#include "system/descriptor.h"

namespace fusetrace {
namespace {

// Runs an iterator program to its end and returns what it wrote.
Result<std::vector<char>> run_iterator(bpf_program* program) {
  const BpfLink link(bpf_program__attach_iter(program, nullptr));
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
Result<std::vector<T>> run_iterator_for(bpf_program* program) {
  auto bytes = run_iterator(program);
  if (!bytes) return tl::make_unexpected(bytes.error());
  std::vector<T> records(bytes->size() / sizeof(T));
  std::memcpy(records.data(), bytes->data(), records.size() * sizeof(T));
  return records;
}

}  // namespace

Result<std::vector<ft_open_device>> scan_devices(fusetrace_bpf& object) {
  return run_iterator_for<ft_open_device>(object.progs.iter_devices);
}

Result<std::vector<ft_server_thread>> scan_server_threads(fusetrace_bpf& object) {
  return run_iterator_for<ft_server_thread>(object.progs.iter_threads);
}

Result<std::vector<ft_open_device>> scan_open_devices() {
  auto object = open_object(ProbePlan{});
  if (!object) return tl::make_unexpected(object.error());
  if (auto done = load_object(**object); !done) return tl::make_unexpected(done.error());
  return scan_devices(**object);
}

}  // namespace fusetrace
