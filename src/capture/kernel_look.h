// SPDX-License-Identifier: Apache-2.0
// A look into the kernel for open FUSE requests and blocked threads, by BPF
// iterators: no capture has to run before it, and nothing of any file system is
// touched.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "look/open_requests.h"
#include "model/error.h"

namespace fusetrace {

// One look, as the kernel side wrote it.
struct RawLook {
  std::vector<ft_open_request> requests;
  std::vector<ft_open_connection> connections;
  std::vector<ft_device_holder> holders;
  std::vector<ft_blocked_task> tasks;
  uint64_t not_kept = 0;     // found, but a table was full
  uint64_t jiffies_now = 0;  // in the unit of created_jiffies; 0: not known
};

class KernelLook {
 public:
  // Loads the programs; log is told what libbpf and the verifier say. Errors: the
  // kernel refused, with the errno and the way out.
  static Result<KernelLook> load(std::function<void(const char*)> log = {});

  KernelLook(KernelLook&&) noexcept;
  KernelLook& operator=(KernelLook&&) noexcept;
  ~KernelLook();

  // Looks once. with_inodes: also at every inode of every FUSE mount that can be
  // reached, for tasks that wait for its lock, which takes time where there are
  // millions. Errors: an iterator could not be run or read.
  Result<RawLook> look(bool with_inodes);

  // Names of the kernel functions at these addresses, which need not be told apart
  // before. An address that the kernel cannot name becomes "?".
  Result<std::unordered_map<uint64_t, std::string>> symbols(const std::vector<ft_blocked_task>& of);

 private:
  struct State;
  explicit KernelLook(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace fusetrace
