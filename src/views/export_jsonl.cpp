// SPDX-License-Identifier: Apache-2.0
// One request a line, as a JSON object (RFC 8259); an unknown value is null.
#include <charconv>

#include "views/export_columns.h"

namespace fusetrace {
namespace {

// Length of the UTF-8 sequence at the start of text, 0 where there is none
// (RFC 3629: no overlong forms, no surrogates, nothing beyond U+10FFFF).
size_t utf8_length(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  if (lead < 0x80) return 1;
  const size_t length = lead >= 0xc2 && lead < 0xe0   ? 2
                        : lead >= 0xe0 && lead < 0xf0 ? 3
                        : lead >= 0xf0 && lead < 0xf5 ? 4
                                                      : 0;
  if (length == 0 || text.size() < length) return 0;
  const unsigned char low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
  const unsigned char high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
  if (byte(1) < low || byte(1) > high) return 0;
  for (size_t i = 2; i < length; i++)
    if (byte(i) < 0x80 || byte(i) > 0xbf) return 0;
  return length;
}

// Names are bytes to the kernel; those that are no UTF-8 become U+FFFD.
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
      out += "\xef\xbf\xbd";
    } else {
      out += text.substr(0, length);
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
  void end(const ExportContext&, std::string&) override {}

 private:
  ExportRows rows_;
};

}  // namespace

std::unique_ptr<RequestExport> make_jsonl_export() { return std::make_unique<JsonlExport>(); }

}  // namespace fusetrace
