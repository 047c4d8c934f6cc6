// SPDX-License-Identifier: Apache-2.0
// A table of text with aligned columns.
#pragma once

#include <string>
#include <vector>

namespace fusetrace {

class Table {
 public:
  // A column is left-aligned if its title starts with '<', and right-aligned otherwise.
  explicit Table(std::vector<std::string> titles);

  // Cells may be text that others chose (printable.h).
  void add(std::vector<std::string> cells);
  bool empty() const { return rows_.empty(); }

  // Every line starts with two spaces and ends with a newline. A table that is wider than
  // width is made narrower: its widest left-aligned column is cut, to eight characters at
  // least.
  std::string render(int width) const;

 private:
  std::vector<std::string> titles_;
  std::vector<bool> left_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace fusetrace
