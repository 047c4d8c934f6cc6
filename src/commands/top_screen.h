// SPDX-License-Identifier: Apache-2.0
// The terminal under `fusetrace top`: its size, its keys, and lines painted on
// it. As it was before when this goes.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "model/error.h"
#include "views/top/top_state.h"

namespace fusetrace {

class TopTerminal {
 public:
  // Takes over the terminal on standard input and output. Errors: none there, or
  // one that ncurses does not know (TERM).
  static Result<TopTerminal> open(bool color);

  struct Size {
    int width;
    int height;
  };
  Size size() const;
  bool color() const;

  // Shows these lines; SGR sequences become attributes, what is too long is cut.
  void paint(const std::vector<std::string>& lines);

  // Gives the terminal back before its time: an error is to be told on it.
  void close() { state_.reset(); }

  struct Press {
    TopKey key = TopKey::other;
    char32_t character = 0;
    bool resized = false;
  };
  // The next key that was pressed; false when there is none.
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
