// SPDX-License-Identifier: Apache-2.0
// Formats numbers for people: durations, shares, bytes, each in the unit that suits its size.
#pragma once

#include <cstdint>
#include <string>

namespace fusetrace {

// "870 ns", "12.4 µs", "3.10 ms", "2.50 s": three significant digits.
std::string duration_text(uint64_t ns);

// "93.1 %". "0.0 %" means none and "100.0 %" means all; other shares are never rounded to
// them. "-" where the whole is 0.
std::string percent_text(uint64_t part, uint64_t whole);

// "4.0 MiB", "512 B".
std::string bytes_text(uint64_t bytes);

// The text padded to that many columns. A column is not a byte: µ is one column of two bytes.
std::string pad_left(const std::string& text, size_t columns);
std::string pad_right(const std::string& text, size_t columns);

// The text, which others may have chosen (printable.h), cut to that many columns,
// the cut shown by "…".
std::string fit(const std::string& foreign, size_t columns);

// Breaks text, which others may have chosen (printable.h), at spaces into lines of at most width
// columns; the first line starts with first, the others with as many spaces. Ends with a newline.
std::string wrap(const std::string& first, const std::string& foreign, size_t width);

size_t columns_of(const std::string& text);

}  // namespace fusetrace
