// SPDX-License-Identifier: Apache-2.0
// One request in a line, as a JSON object (RFC 8259). An unknown value is null.
#include <charconv>

#include "views/export/export_columns.h"
#include "views/text/printable.h"
#include "views/text/utf8.h"

namespace fusetrace {
namespace {

// For the kernel a name is a string of bytes. Bytes that are not UTF-8 become U+FFFD.
void append_text(std::string_view text, std::string& out) {
  constexpr std::string_view hex = "0123456789abcdef";
  out += '"';
  while (!text.empty()) {
    const auto c = static_cast<unsigned char>(text[0]);
    const size_t length = utf8_length(text);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += text[0];
    } else if (c < 0x20) {
      out += "\\u00";
      out += hex[c >> 4];
      out += hex[c & 15];
    } else if (length == 0) {
      out += utf8_replacement;
    } else {
      out += printable_json(text.substr(0, length));
    }
    text.remove_prefix(length == 0 ? 1 : length);
  }
  out += '"';
}

void append_value(const ExportValue& value, std::string& out) {
  char digits[20];
  switch (value.type) {
    case ExportValue::Type::unknown:
      out += "null";
      return;
    case ExportValue::Type::boolean:
      out += value.number != 0 ? "true" : "false";
      return;
    case ExportValue::Type::text:
      append_text(value.text, out);
      return;
    case ExportValue::Type::negative:
      out += '-';
      [[fallthrough]];
    case ExportValue::Type::number:
      out.append(digits, std::to_chars(digits, digits + sizeof(digits), value.number).ptr);
  }
}

class JsonlExport : public RequestExport {
 public:
  void begin(const ExportContext&, std::string&) override {}
  void add(std::span<const ft_request> requests, const ExportContext& context,
           std::string& out) override {
    for (const ft_request& request : requests) {
      const ExportRow row = rows_.make(request, context);
      char before = '{';
      for (const ExportColumn& column : export_columns()) {
        out += before;
        before = ',';
        out += '"';
        out += column.name;
        out += "\":";
        append_value(column.value(row), out);
      }
      out += "}\n";
    }
  }
  bool end(const ExportContext&, std::string&) override { return false; }

 private:
  ExportRows rows_;
};

}  // namespace

std::unique_ptr<RequestExport> make_jsonl_export() { return std::make_unique<JsonlExport>(); }

}  // namespace fusetrace
