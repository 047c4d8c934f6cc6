// SPDX-License-Identifier: Apache-2.0
// Makes a program of a function that accesses shared memory through the hooks that
// bpf/atomics.h has for a test (FT_MODEL). The function itself is executed: what it does up
// to its next access is a function of what its accesses so far returned, so it is run from
// the start with these until it comes to one that is new. What is found is a tree: a node
// for each access, a branch for each value that the access returned.
#pragma once

#include <cstdint>
#include <exception>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "interleavings/program.h"
#include "interleavings/search.h"

namespace fusetrace::interleavings {

enum class Use {
  kBranchedOn,  // a value that decides what happens next
  kCopied,      // Location::copied
  kCarries,     // Location::carries_dependency
};

// The memory that functions share: real objects, of which only the addresses are used.
class SharedMemory {
 public:
  // Accesses to anything in an object that is no location are left out of the search: what
  // is stored there is lost, and a load returns something. A function must not branch on it.
  template <typename Object>
  void add_object(const std::string& name, const Object& object) {
    objects_.push_back({name, address(&object), sizeof(object)});
  }
  // Returns its number.
  template <typename Field>
  std::size_t add(const std::string& name, const Field& field, Use use = Use::kBranchedOn,
                  std::uint64_t initial = 0) {
    return add_at(name, address(&field), sizeof(field), use, initial);
  }

  [[nodiscard]] const std::vector<Location>& locations() const { return locations_; }
  // Number of the location of an access, or -1 if it is left out of the search. Throws
  // std::logic_error where the access is to nothing known, or to a part of a location.
  [[nodiscard]] int find(const volatile void* p, std::size_t size) const;
  // The same of the location that begins there.
  [[nodiscard]] int find(const volatile void* p) const;
  // The bit of Access::depends for a location, 0 if it is left out of the search.
  [[nodiscard]] std::uint8_t dependency_bit(int location) const;

 private:
  struct Object {
    std::string name;
    std::uintptr_t start;
    std::size_t size;
  };
  static std::uintptr_t address(const volatile void* p) {
    return reinterpret_cast<std::uintptr_t>(p);
  }
  std::size_t add_at(const std::string& name, std::uintptr_t start, std::size_t size, Use use,
                     std::uint64_t initial);

  std::vector<Object> objects_;
  std::map<std::uintptr_t, std::pair<std::size_t, std::size_t>> fields_;  // to size, number
  std::vector<Location> locations_;
};

// What a copying load seems to return while the function runs; End::result() has the value.
constexpr std::uint64_t kFirstToken = 0xe0;
constexpr std::uint64_t kLastToken = 0xef;

class CallTree final : public Program {
 public:
  using Record = std::vector<std::uint64_t>;

  // `body` is called again and again: it has to do the same each time. `left_out` is the
  // FT_RULE() that is taken away; empty: none.
  CallTree(std::string name, const SharedMemory& memory, Memory model, std::string left_out,
           std::function<void()> body);

  Access at(int node) override { return nodes_[static_cast<std::size_t>(node)].access; }
  int after(int node, std::uint64_t result) override;
  std::string describe(int node) override;

  // What the function handed out on the way to `node`, an end: for use by a body.
  static void emit(Record record);
  [[nodiscard]] const std::vector<Record>& emitted(int node) const {
    return nodes_[static_cast<std::size_t>(node)].emitted;
  }
  // The value that is meant by a field of a record: that of a copying load, or itself.
  static std::uint64_t resolve(const End& end, std::size_t thread, std::uint64_t field);

  // The rules that any function asked for, since the start of the program.
  static const std::set<std::string>& rules_met();

  // For the hooks: what the access returns now; does not return where it is new.
  static std::uint64_t access(Op op, const volatile void* p, unsigned size, std::uint64_t value,
                              std::uint64_t expected, const volatile void* dependency);
  static std::uint64_t publish(const volatile void* p, unsigned size, std::uint64_t value);
  static std::uint64_t observe(const volatile void* p, unsigned size);
  static std::uint64_t exclusive(Op op, const volatile void* p, unsigned size, std::uint64_t value);
  static bool rule(const char* name);
  static const volatile void* follow(const volatile void* p, const volatile void* from);

 private:
  struct Node {
    Access access;
    int parent = -1;
    std::uint64_t result = 0;  // of the parent's access, on the way here
    std::map<std::uint64_t, int> children;
    std::vector<Record> emitted;
  };
  struct Reached {};  // thrown out of the function at a new access

  std::uint64_t meet(Access access);
  // The node that the function comes to when its accesses return `results`.
  Node discover(const std::vector<std::uint64_t>& results, std::uint64_t left_out_value);

  const SharedMemory& memory_;
  Memory model_;
  std::string left_out_;
  std::function<void()> body_;
  std::vector<Node> nodes_;

  // While the function runs
  const std::vector<std::uint64_t>* results_ = nullptr;
  std::size_t met_ = 0;
  bool left_out_met_ = false;  // since the last access that has a result
  std::uint64_t left_out_value_ = 0;
  std::int8_t copies_ = 0;
  Node found_;
};

}  // namespace fusetrace::interleavings

// The hooks, as bpf/atomics.h declares them.
extern "C" {
std::uint64_t ft_model_load(const volatile void* p, unsigned size, const volatile void* dependency);
void ft_model_store(volatile void* p, unsigned size, std::uint64_t value);
void ft_model_publish(volatile void* p, unsigned size, std::uint64_t value);
std::uint64_t ft_model_cas(volatile void* p, unsigned size, std::uint64_t expected,
                           std::uint64_t value);
std::uint64_t ft_model_cas_loose(volatile void* p, unsigned size, std::uint64_t expected,
                                 std::uint64_t value);
std::uint64_t ft_model_observe(const volatile void* p, unsigned size);
std::uint64_t ft_model_xchg(volatile void* p, unsigned size, std::uint64_t value);
std::uint64_t ft_model_add(volatile void* p, unsigned size, std::uint64_t value);
std::uint64_t ft_model_or(volatile void* p, unsigned size, std::uint64_t value);
std::uint64_t ft_model_and(volatile void* p, unsigned size, std::uint64_t value);
void ft_model_count(volatile void* p, unsigned size, std::uint64_t value);
std::uint64_t ft_model_get(const volatile void* p, unsigned size);
void ft_model_put(volatile void* p, unsigned size, std::uint64_t value);
const volatile void* ft_model_follow(const volatile void* p, const volatile void* from);
int ft_model_rule(const char* name);
}
