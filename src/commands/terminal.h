// SPDX-License-Identifier: Apache-2.0
// What a view needs to know about the terminal that it prints to.
#pragma once

#include "commands/commands.h"
#include "views/text/render_options.h"

namespace fusetrace {

// Colour and width for text written to this descriptor. Where it is no terminal, the
// environment variable COLUMNS says the width, else it is 100 columns.
RenderOptions render_options_for(int fd, const GlobalOptions& global);

}  // namespace fusetrace
