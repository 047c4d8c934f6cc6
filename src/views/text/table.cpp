// SPDX-License-Identifier: Apache-2.0
#include "views/text/table.h"

#include <algorithm>

#include "views/text/printable.h"
#include "views/text/units.h"

namespace fusetrace {

Table::Table(std::vector<std::string> titles) {
  for (std::string& title : titles) {
    const bool left = title.starts_with('<');
    left_.push_back(left);
    titles_.push_back(left ? title.substr(1) : std::move(title));
  }
}

void Table::add(std::vector<std::string> cells) {
  cells.resize(titles_.size());
  for (std::string& cell : cells) cell = printable(cell);
  rows_.push_back(std::move(cells));
}

std::string Table::render(int width) const {
  std::vector<size_t> columns;
  size_t total = 2;
  for (size_t i = 0; i < titles_.size(); ++i) {
    size_t widest = columns_of(titles_[i]);
    for (const auto& row : rows_) widest = std::max(widest, columns_of(row[i]));
    columns.push_back(widest);
    total += widest + (i == 0 ? 0 : 2);
  }
  const auto limit = static_cast<size_t>(std::max(width, 60));
  // The widest left-aligned column is cut.
  size_t flexible = titles_.size();
  for (size_t i = 0; i < titles_.size(); ++i) {
    if (left_[i] && (flexible == titles_.size() || columns[i] > columns[flexible])) flexible = i;
  }
  if (total > limit && flexible != titles_.size()) {
    size_t& column = columns[flexible];
    const size_t over = total - limit;
    column = std::max<size_t>(std::min<size_t>(column, 8), column > over ? column - over : 0);
  }
  std::string out;
  auto line = [&](const std::vector<std::string>& cells) {
    std::string text = "  ";
    for (size_t i = 0; i < cells.size(); ++i) {
      if (i != 0) text += "  ";
      const std::string cell = fit(cells[i], columns[i]);
      text += left_[i] ? pad_right(cell, columns[i]) : pad_left(cell, columns[i]);
    }
    text.erase(text.find_last_not_of(' ') + 1);
    out += text + "\n";
  };
  line(titles_);
  for (const auto& row : rows_) line(row);
  return out;
}

}  // namespace fusetrace
