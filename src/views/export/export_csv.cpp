// SPDX-License-Identifier: Apache-2.0
// One request in a line, its values separated by commas. An unknown value is empty.
#include <charconv>

#include "views/export/export_columns.h"
#include "views/text/printable.h"

namespace fusetrace {
namespace {

// Text that others chose. A spreadsheet would take what begins with = + - or @ for a
// formula and run it, so such a cell gets a ' in front, and so that this can be taken
// back, a cell that begins with ' gets one too. Control characters are escaped as in
// every output, tabs and line ends among them.
void append_text(std::string_view foreign, std::string& out) {
  std::string text = printable(foreign);
  if (!text.empty() && std::string_view("=+-@'").find(text[0]) != std::string_view::npos) {
    text.insert(text.begin(), '\'');
  }
  // Quotes what would end a field early, in spreadsheets that part fields at semicolons too.
  if (text.find_first_of(",;\"") == std::string::npos) {
    out += text;
    return;
  }
  out += '"';
  for (char c : text) {
    if (c == '"') out += '"';
    out += c;
  }
  out += '"';
}

void append_value(const ExportValue& value, std::string& out) {
  char digits[20];
  switch (value.type) {
    case ExportValue::Type::unknown:
      return;
    case ExportValue::Type::text:
      append_text(value.text, out);
      return;
    case ExportValue::Type::negative:
      out += '-';
      [[fallthrough]];
    case ExportValue::Type::number:
    case ExportValue::Type::boolean:
      out.append(digits, std::to_chars(digits, digits + sizeof(digits), value.number).ptr);
  }
}

class CsvExport : public RequestExport {
 public:
  void begin(const ExportContext&, std::string& out) override {
    for (const ExportColumn& column : export_columns()) {
      out += column.name;
      out += ',';
    }
    out.back() = '\n';
  }
  void add(std::span<const ft_request> requests, const ExportContext& context,
           std::string& out) override {
    for (const ft_request& request : requests) {
      const ExportRow row = rows_.make(request, context);
      for (const ExportColumn& column : export_columns()) {
        append_value(column.value(row), out);
        out += ',';
      }
      out.back() = '\n';
    }
  }
  bool end(const ExportContext&, std::string&) override { return false; }

 private:
  ExportRows rows_;
};

}  // namespace

std::unique_ptr<RequestExport> make_csv_export() { return std::make_unique<CsvExport>(); }

}  // namespace fusetrace
