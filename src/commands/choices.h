// SPDX-License-Identifier: Apache-2.0
// Options whose value is one of a few words, with messages in plain words in place of
// the argument parser's own.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

namespace fusetrace {

// A check for such an option; "kind of table" says what its words are.
CLI::Validator one_of(const std::string& what, std::vector<std::string> words);

// What the parser says about a wrong command line, as a sentence that names the option
// and the value.
std::string plain_words(const CLI::ParseError& error);

}  // namespace fusetrace
