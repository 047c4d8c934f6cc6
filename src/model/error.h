// SPDX-License-Identifier: Apache-2.0
// Errors that a user can meet, as values: what failed, why, and the way out.
// Only main() turns one into an exit status.
#pragma once

#include <string>
#include <tl/expected.hpp>
#include <utility>

namespace fusetrace {

struct Error {
  // What failed and why, naming the hook, file or option, with the errno text
  // where there is one: "cannot open r.rec: No such file or directory".
  std::string message;
  // The way out, empty where there is none: "run as root, or grant CAP_BPF".
  std::string hint;
};

// A value, or the error that there is in its place. The compiler warns where a function's
// Result is not looked at.
template <typename T>
class [[nodiscard]] Result : public tl::expected<T, Error> {
 public:
  using tl::expected<T, Error>::expected;
};

inline tl::unexpected<Error> fail(std::string message, std::string hint = {}) {
  return tl::make_unexpected(Error{std::move(message), std::move(hint)});
}

}  // namespace fusetrace
