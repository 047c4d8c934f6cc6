// SPDX-License-Identifier: Apache-2.0
#include "commands/terminal.h"

#include <sys/ioctl.h>

namespace fusetrace {

RenderOptions render_options_for(int fd, const GlobalOptions& global) {
  RenderOptions options;
  options.color = global.color_on(fd);
  winsize size{};
  options.width = ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 100;
  return options;
}

}  // namespace fusetrace
