// SPDX-License-Identifier: Apache-2.0
#include "commands/choices.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace fusetrace {

CLI::Validator one_of(const std::string& what, std::vector<std::string> words) {
  auto check = [what, words = std::move(words)](const std::string& text) -> std::string {
    if (std::find(words.begin(), words.end(), text) != words.end()) return {};
    return fmt::format("'{}' is not a {}; there are {}", text, what, fmt::join(words, ", "));
  };
  // An empty description keeps the list out of the help, where the option's own text has it.
  return CLI::Validator(check, "");
}

std::string plain_words(const CLI::ParseError& error) {
  const std::string text = error.what();
  const std::string& kind = error.get_name();
  if (kind == "ConversionError") {
    // "Could not convert: --connection = abc"
    const std::string start = "Could not convert: ";
    const size_t equals = text.find(" = ");
    if (text.starts_with(start) && equals != std::string::npos) {
      const std::string option = text.substr(start.size(), equals - start.size());
      return fmt::format("'{}' is not a number that {} can take", text.substr(equals + 3), option);
    }
  }
  if (kind == "ArgumentMismatch") {
    // "--connection: 1 required UINT missing"
    const size_t colon = text.find(": ");
    if (text.ends_with(" missing") && colon != std::string::npos) {
      return text.substr(0, colon) + " needs a value";
    }
  }
  if (kind == "ExtrasError") {
    // "The following argument was not expected: --frob"
    const size_t colon = text.find(": ");
    if (colon != std::string::npos) return "not understood: " + text.substr(colon + 2);
  }
  return text;
}

}  // namespace fusetrace
