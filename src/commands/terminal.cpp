// SPDX-License-Identifier: Apache-2.0
#include "commands/terminal.h"

#include <sys/ioctl.h>

#include <cstdlib>

namespace fusetrace {

RenderOptions render_options_for(int fd, const GlobalOptions& global) {
  RenderOptions options;
  options.color = global.color_on(fd);
  winsize size{};
  options.width = 100;
  if (ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
    options.width = size.ws_col;
  } else if (const char* columns = std::getenv("COLUMNS"); columns != nullptr) {
    // As other programs take it where the output is no terminal: man, ls, ps.
    const long wanted = std::strtol(columns, nullptr, 10);
    if (wanted > 0 && wanted <= 10000) options.width = static_cast<int>(wanted);
  }
  return options;
}

}  // namespace fusetrace
