// SPDX-License-Identifier: Apache-2.0
// The report page without its data; made from page/ when building.
#pragma once

#include <string_view>

namespace fusetrace {

// "@DATA@" stands once where the data goes.
extern const std::string_view report_page_template;

}  // namespace fusetrace
