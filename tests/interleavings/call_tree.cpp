// SPDX-License-Identifier: Apache-2.0
// Running a function up to its next access, and the hooks through which it comes here.
#include "interleavings/call_tree.h"

#include <algorithm>
#include <stdexcept>
#include <tuple>

namespace fusetrace::interleavings {
namespace {

CallTree* running = nullptr;  // whose function runs

std::set<std::string>& met_rules() {
  static std::set<std::string> rules;
  return rules;
}

CallTree& current() {
  if (running == nullptr) throw std::logic_error("an access outside of a search");
  return *running;
}

// What a pointer depends on is kept in its uppermost bits: it is never followed for real.
constexpr int kDependsShift = 56;

struct Place {
  const volatile void* address;
  std::uint8_t depends;
};

Place place_of(const volatile void* p) {
  const auto bits = reinterpret_cast<std::uintptr_t>(p);
  constexpr std::uintptr_t mask = (std::uintptr_t{1} << kDependsShift) - 1;
  return {reinterpret_cast<const volatile void*>(bits & mask),
          static_cast<std::uint8_t>(bits >> kDependsShift)};
}

bool same(const Access& a, const Access& b) {
  const auto all = [](const Access& x) {
    return std::tuple(x.op, x.location, x.release, x.exclusive, x.depends, x.number, x.value,
                      x.expected);
  };
  return all(a) == all(b);
}

}  // namespace

std::size_t SharedMemory::add_at(const std::string& name, std::uintptr_t start, std::size_t size,
                                 Use use, std::uint64_t initial) {
  const std::size_t number = locations_.size();
  fields_[start] = {size, number};
  locations_.push_back({.name = name,
                        .initial = initial,
                        .copied = use == Use::kCopied,
                        .carries_dependency = use == Use::kCarries,
                        .locked = false});
  return number;
}

int SharedMemory::find(const volatile void* p, std::size_t size) const {
  const std::uintptr_t start = address(p);
  auto it = fields_.upper_bound(start + size - 1);
  if (it != fields_.begin()) {
    --it;
    const auto& [field_size, number] = it->second;
    if (it->first == start && field_size == size) return static_cast<int>(number);
    if (it->first + field_size > start) {
      throw std::logic_error("an access to a part of " + locations_[number].name);
    }
  }
  for (const Object& object : objects_) {
    if (start >= object.start && start + size <= object.start + object.size) return -1;
  }
  throw std::logic_error("an access to memory that the test does not know");
}

int SharedMemory::find(const volatile void* p) const {
  const auto it = fields_.find(address(p));
  return it == fields_.end() ? find(p, 1) : static_cast<int>(it->second.second);
}

std::uint8_t SharedMemory::dependency_bit(int location) const {
  if (location < 0) return 0;
  const auto number = static_cast<std::size_t>(location);
  if (!locations_[number].carries_dependency) {
    throw std::logic_error("the test does not expect a dependency on " + locations_[number].name);
  }
  unsigned bit = 1;
  for (std::size_t l = 0; l < number; ++l) bit <<= locations_[l].carries_dependency ? 1 : 0;
  return static_cast<std::uint8_t>(bit);
}

CallTree::CallTree(std::string name, const SharedMemory& memory, Memory model, std::string left_out,
                   std::function<void()> body)
    : Program(std::move(name)),
      memory_(memory),
      model_(model),
      left_out_(std::move(left_out)),
      body_(std::move(body)) {
  nodes_.push_back(discover({}, 0));
}

CallTree::Node CallTree::discover(const std::vector<std::uint64_t>& results,
                                  std::uint64_t left_out_value) {
  results_ = &results;
  met_ = 0;
  left_out_met_ = false;
  left_out_value_ = left_out_value;
  copies_ = 0;
  found_ = {};
  running = this;
  try {
    body_();
  } catch (const Reached&) {
    found_.emitted.clear();
  } catch (...) {
    running = nullptr;
    throw;
  }
  running = nullptr;
  return std::move(found_);
}

int CallTree::after(int node, std::uint64_t result) {
  const auto at = static_cast<std::size_t>(node);
  if (const auto it = nodes_[at].children.find(result); it != nodes_[at].children.end()) {
    return it->second;
  }
  std::vector<std::uint64_t> results = {result};
  for (std::size_t i = at; nodes_[i].parent >= 0; i = static_cast<std::size_t>(nodes_[i].parent)) {
    results.push_back(nodes_[i].result);
  }
  std::reverse(results.begin(), results.end());
  Node found = discover(results, 0);
  if (left_out_met_ && !same(found.access, discover(results, 1).access)) {
    throw std::logic_error(name() + " depends on something that was left out of the search");
  }
  found.parent = node;
  found.result = result;
  nodes_.push_back(std::move(found));
  const int number = static_cast<int>(nodes_.size()) - 1;
  nodes_[at].children[result] = number;
  return number;
}

std::uint64_t CallTree::meet(Access access) {
  const bool copies = access.op == Op::kLoad && memory_.locations()[access.location].copied;
  if (copies) access.number = copies_++;
  if (met_ == results_->size()) {
    found_.access = access;
    throw Reached{};
  }
  left_out_met_ = false;
  const std::uint64_t result = (*results_)[met_++];
  return copies ? kFirstToken + static_cast<std::uint64_t>(access.number) : result;
}

std::uint64_t CallTree::access(Op op, const volatile void* p, unsigned size, std::uint64_t value,
                               std::uint64_t expected, const volatile void* dependency) {
  CallTree& tree = current();
  const Place place = place_of(p);
  const int location = tree.memory_.find(place.address, size);
  const bool reads_only = op == Op::kLoad;
  if (location < 0) {
    if (!reads_only && op != Op::kStore && op != Op::kLooseAdd) {
      throw std::logic_error("an atomic operation that was left out of the search");
    }
    tree.left_out_met_ = true;
    return tree.left_out_value_;
  }
  Access access{.op = op, .location = static_cast<std::uint8_t>(location)};
  const std::uint64_t mask = size == 8 ? ~std::uint64_t{0} : (std::uint64_t{1} << size * 8) - 1;
  access.value = value & mask;
  access.expected = expected & mask;
  access.depends = place.depends;
  if (dependency != nullptr) {
    const Place from = place_of(dependency);
    access.depends |= tree.memory_.dependency_bit(tree.memory_.find(from.address));
  }
  return tree.meet(access);
}

std::uint64_t CallTree::publish(const volatile void* p, unsigned size, std::uint64_t value) {
  const bool weak = current().model_ == Memory::kWeak;
  return access(weak ? Op::kExchange : Op::kStore, p, size, value, 0, nullptr);
}

std::uint64_t CallTree::observe(const volatile void* p, unsigned size) {
  const bool weak = current().model_ == Memory::kWeak;
  return access(weak ? Op::kFetchOr : Op::kLoad, p, size, 0, 0, nullptr);
}

std::uint64_t CallTree::exclusive(Op op, const volatile void* p, unsigned size,
                                  std::uint64_t value) {
  CallTree& tree = current();
  const Place place = place_of(p);
  const int location = tree.memory_.find(place.address, size);
  if (location < 0) {
    tree.left_out_met_ = true;
    return tree.left_out_value_;
  }
  Access access{.op = op, .location = static_cast<std::uint8_t>(location)};
  access.depends = place.depends;
  access.value = value;
  access.exclusive = true;
  return tree.meet(access);
}

const volatile void* CallTree::follow(const volatile void* p, const volatile void* from) {
  const SharedMemory& memory = current().memory_;
  const std::uintptr_t bit = memory.dependency_bit(memory.find(place_of(from).address));
  return reinterpret_cast<const volatile void*>(reinterpret_cast<std::uintptr_t>(p) |
                                                bit << kDependsShift);
}

bool CallTree::rule(const char* name) {
  met_rules().insert(name);
  return current().left_out_ != name;
}

void CallTree::emit(Record record) { current().found_.emitted.push_back(std::move(record)); }

std::uint64_t CallTree::resolve(const End& end, std::size_t thread, std::uint64_t field) {
  if (field < kFirstToken || field > kLastToken) return field;
  return end.result(thread, field - kFirstToken);
}

const std::set<std::string>& CallTree::rules_met() { return met_rules(); }

std::string CallTree::describe(int node) {
  const Access access = at(node);
  std::string text;
  switch (access.op) {
    case Op::kEnd:
      return "end";
    case Op::kLoad:
      return "loads";
    case Op::kStore:
      text = "stores ";
      break;
    case Op::kExchange:
      text = "exchanges for ";
      break;
    case Op::kCompareExchange:
    case Op::kLooseCompareExchange:
      text = "compares with " + std::to_string(access.expected) + " and exchanges for ";
      break;
    case Op::kFetchAdd:
    case Op::kLooseAdd:
      text = "adds ";
      break;
    case Op::kFetchOr:
      text = "ors with ";
      break;
    case Op::kFetchAnd:
      text = "ands with ";
      break;
    default:
      return "barrier";
  }
  return text + std::to_string(access.value);
}

}  // namespace fusetrace::interleavings

using fusetrace::interleavings::CallTree;
using fusetrace::interleavings::Op;

extern "C" {
std::uint64_t ft_model_load(const volatile void* p, unsigned size,
                            const volatile void* dependency) {
  return CallTree::access(Op::kLoad, p, size, 0, 0, dependency);
}
void ft_model_store(volatile void* p, unsigned size, std::uint64_t value) {
  CallTree::access(Op::kStore, p, size, value, 0, nullptr);
}
void ft_model_publish(volatile void* p, unsigned size, std::uint64_t value) {
  CallTree::publish(p, size, value);
}
std::uint64_t ft_model_cas(volatile void* p, unsigned size, std::uint64_t expected,
                           std::uint64_t value) {
  return CallTree::access(Op::kCompareExchange, p, size, value, expected, nullptr);
}
std::uint64_t ft_model_cas_loose(volatile void* p, unsigned size, std::uint64_t expected,
                                 std::uint64_t value) {
  return CallTree::access(Op::kLooseCompareExchange, p, size, value, expected, nullptr);
}
std::uint64_t ft_model_observe(const volatile void* p, unsigned size) {
  return CallTree::observe(p, size);
}
std::uint64_t ft_model_xchg(volatile void* p, unsigned size, std::uint64_t value) {
  return CallTree::access(Op::kExchange, p, size, value, 0, nullptr);
}
std::uint64_t ft_model_add(volatile void* p, unsigned size, std::uint64_t value) {
  return CallTree::access(Op::kFetchAdd, p, size, value, 0, nullptr);
}
std::uint64_t ft_model_or(volatile void* p, unsigned size, std::uint64_t value) {
  return CallTree::access(Op::kFetchOr, p, size, value, 0, nullptr);
}
std::uint64_t ft_model_and(volatile void* p, unsigned size, std::uint64_t value) {
  return CallTree::access(Op::kFetchAnd, p, size, value, 0, nullptr);
}
void ft_model_count(volatile void* p, unsigned size, std::uint64_t value) {
  CallTree::access(Op::kLooseAdd, p, size, value, 0, nullptr);
}
std::uint64_t ft_model_get(const volatile void* p, unsigned size) {
  return CallTree::exclusive(Op::kLoad, p, size, 0);
}
void ft_model_put(volatile void* p, unsigned size, std::uint64_t value) {
  CallTree::exclusive(Op::kStore, p, size, value);
}
const volatile void* ft_model_follow(const volatile void* p, const volatile void* from) {
  return CallTree::follow(p, from);
}
int ft_model_rule(const char* name) { return CallTree::rule(name) ? 1 : 0; }
}
