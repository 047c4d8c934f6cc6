// SPDX-License-Identifier: Apache-2.0
#include "commands/top_screen.h"

#include <unistd.h>

#include <clocale>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <utility>

// Included last, because it defines macros with everyday names.
#include <curses.h>

namespace fusetrace {

struct TopTerminal::State {
  SCREEN* screen = nullptr;
  bool color = false;
  std::map<std::pair<int, int>, short> pairs;  // foreground, background

  short pair_of(int foreground, int background);
  attr_t attributes = A_NORMAL;
  int foreground = -1;
  int background = -1;

  void apply(int parameter);
  size_t sequence(const std::string& line, size_t at);
  void paint_line(int y, const std::string& line, int width);
};

short TopTerminal::State::pair_of(int fg, int bg) {
  if (!color || (fg < 0 && bg < 0)) return 0;
  const auto known = pairs.find({fg, bg});
  if (known != pairs.end()) return known->second;
  const auto number = static_cast<short>(pairs.size() + 1);
  if (number >= COLOR_PAIRS ||
      init_pair(number, static_cast<short>(fg), static_cast<short>(bg)) == ERR) {
    return 0;
  }
  pairs.emplace(std::make_pair(fg, bg), number);
  return number;
}

void TopTerminal::State::apply(int parameter) {
  switch (parameter) {
    case 0:
      attributes = A_NORMAL;
      foreground = background = -1;
      break;
    case 1:
      attributes |= A_BOLD;
      break;
    case 2:
      attributes |= A_DIM;
      break;
    case 7:
      attributes |= A_REVERSE;
      break;
    default:
      break;
  }
}

// An SGR sequence at this place: "\033[1m", "\033[48;5;17;38;5;231m". Returns its
// length; 0 where there is none.
size_t TopTerminal::State::sequence(const std::string& line, size_t at) {
  if (line.compare(at, 2, "\033[") != 0) return 0;
  const size_t end = line.find('m', at);
  if (end == std::string::npos) return 0;
  std::vector<int> parameters;
  for (const char* p = line.c_str() + at + 2; p < line.c_str() + end;) {
    char* rest = nullptr;
    parameters.push_back(static_cast<int>(std::strtol(p, &rest, 10)));
    p = rest + 1;
  }
  for (size_t i = 0; i < parameters.size(); ++i) {
    if ((parameters[i] == 38 || parameters[i] == 48) && i + 2 < parameters.size()) {
      (parameters[i] == 38 ? foreground : background) = parameters[i + 2];
      i += 2;
    } else {
      apply(parameters[i]);
    }
  }
  return end - at + 1;
}

void TopTerminal::State::paint_line(int y, const std::string& line, int width) {
  apply(0);
  move(y, 0);
  for (size_t i = 0; i < line.size() && getcurx(stdscr) < width && getcury(stdscr) == y;) {
    if (const size_t length = sequence(line, i); length > 0) {
      i += length;
      continue;
    }
    size_t length = 1;
    while (i + length < line.size() && (line[i + length] & 0xc0) == 0x80) ++length;
    // A control character in a mount point's name would move the cursor.
    const bool control = static_cast<unsigned char>(line[i]) < 0x20 || line[i] == 0x7f;
    attr_set(attributes, pair_of(foreground, background), nullptr);
    const bool last = getcurx(stdscr) == width - 1;
    addnstr(control ? "?" : line.c_str() + i, control ? 1 : static_cast<int>(length));
    i += length;
    if (last) break;
  }
  attr_set(A_NORMAL, 0, nullptr);
}

void TopTerminal::Close::operator()(State* state) const {
  if (state->screen != nullptr) {
    endwin();
    delscreen(state->screen);
  }
  delete state;
}

TopTerminal::TopTerminal(std::unique_ptr<State> state) : state_(state.release()) {}

Result<TopTerminal> TopTerminal::open(bool color) {
  if (isatty(STDIN_FILENO) != 1 || isatty(STDOUT_FILENO) != 1) {
    return fail("top needs a terminal", "`fusetrace top -b` prints plain frames");
  }
  setlocale(LC_CTYPE, "");
  // The characters µ and … need UTF-8, whatever locale the user has.
  if (MB_CUR_MAX == 1) setlocale(LC_CTYPE, "C.UTF-8");
  auto state = std::make_unique<State>();
  state->screen = newterm(nullptr, stdout, stdin);
  if (state->screen == nullptr) {
    const char* term = std::getenv("TERM");
    return fail(std::string("the terminal '") + (term == nullptr ? "" : term) + "' is not known",
                "set TERM, or use `fusetrace top -b`");
  }
  cbreak();
  noecho();
  nonl();
  nodelay(stdscr, TRUE);
  keypad(stdscr, TRUE);
  set_escdelay(50);
  curs_set(0);
  if (color && has_colors()) {
    start_color();
    state->color = use_default_colors() != ERR && COLORS >= 256;
  }
  return TopTerminal(std::move(state));
}

TopTerminal::Size TopTerminal::size() const { return {getmaxx(stdscr), getmaxy(stdscr)}; }

bool TopTerminal::color() const { return state_->color; }

void TopTerminal::paint(const std::vector<std::string>& lines) {
  const Size size = this->size();
  erase();
  for (size_t y = 0; y < lines.size() && static_cast<int>(y) < size.height; ++y) {
    state_->paint_line(static_cast<int>(y), lines[y], size.width);
  }
  refresh();
}

bool TopTerminal::next(Press& press) {
  static const std::map<int, TopKey> keys = {
      {KEY_UP, TopKey::up},         {KEY_DOWN, TopKey::down},
      {KEY_LEFT, TopKey::left},     {KEY_RIGHT, TopKey::right},
      {KEY_PPAGE, TopKey::page_up}, {KEY_NPAGE, TopKey::page_down},
      {KEY_HOME, TopKey::home},     {KEY_END, TopKey::end},
      {KEY_ENTER, TopKey::enter},   {KEY_BACKSPACE, TopKey::backspace},
      {KEY_BTAB, TopKey::back_tab}, {KEY_F(1), TopKey::help},
  };
  static const std::map<wint_t, TopKey> characters = {
      {L'\r', TopKey::enter}, {L'\n', TopKey::enter},   {27, TopKey::escape},
      {L'\t', TopKey::tab},   {127, TopKey::backspace}, {8, TopKey::backspace},
  };
  wint_t character = 0;
  const int what = get_wch(&character);
  if (what == ERR) return false;
  press = {};
  if (what == KEY_CODE_YES) {
    const auto key = keys.find(static_cast<int>(character));
    if (key != keys.end()) press.key = key->second;
    press.resized = character == KEY_RESIZE;
    return true;
  }
  const auto key = characters.find(character);
  if (key != characters.end()) {
    press.key = key->second;
  } else {
    press.character = static_cast<char32_t>(character);
  }
  return true;
}

}  // namespace fusetrace
