// SPDX-License-Identifier: Apache-2.0
// The terminal that `fusetrace top` runs in: its size, its keys, and how lines get on it. The
// destructor restores the terminal.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "model/error.h"
#include "views/top/top_state.h"

namespace fusetrace {

class TopTerminal {
 public:
  // Takes over the terminal on standard input and output. Errors: they are not a terminal, or
  // ncurses does not know the kind of terminal that TERM names.
  static Result<TopTerminal> open(bool color);

  struct Size {
    int width;
    int height;
  };
  Size size() const;
  bool color() const;

  // Shows these lines. SGR escape sequences become attributes; lines that are too long are cut.
  void paint(const std::vector<std::string>& lines);

  // Gives the terminal back before its time: an error is to be told on it.
  void close() { state_.reset(); }

  struct Press {
    TopKey key = TopKey::other;
    char32_t character = 0;
    bool resized = false;
  };
  // Returns the next key that was pressed; false when no key is waiting.
  bool next(Press& press);

 private:
  struct State;
  explicit TopTerminal(std::unique_ptr<State> state);
  struct Close {
    void operator()(State* state) const;
  };
  std::unique_ptr<State, Close> state_;
};

}  // namespace fusetrace
