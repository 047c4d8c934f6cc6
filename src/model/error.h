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

template <typename T>
using Result = tl::expected<T, Error>;

inline tl::unexpected<Error> fail(std::string message, std::string hint = {}) {
  return tl::make_unexpected(Error{std::move(message), std::move(hint)});
}

}  // namespace fusetrace
