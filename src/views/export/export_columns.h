// SPDX-License-Identifier: Apache-2.0
// The columns that csv and jsonl write for a request, in their order. docs/export.md explains
// each column.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>

#include "model/request.h"
#include "views/export/export.h"

namespace fusetrace {

// The value of one column: unknown, or a value of one of the other types.
struct ExportValue {
  enum class Type : uint8_t { unknown, number, negative, text, boolean };
  Type type = Type::unknown;
  uint64_t number = 0;    // negative: the magnitude; boolean: 0 or 1
  std::string_view text;  // valid until the next request
};

// A request and what follows from it.
struct ExportRow {
  const ft_request& request;
  const ExportContext& context;
  Stages stages;
  Distance request_hop;
  Distance reply_hop;  // unknown where the request has no reply hop
  const ft_task* client;
  const ft_task* server;
  const ft_task* replier;
  const Connection* connection;
  std::string_view opcode;
};

struct ExportColumn {
  std::string_view name;
  ExportValue (*value)(const ExportRow& row);
};

std::span<const ExportColumn> export_columns();

// Makes rows of requests. It owns the names that the rows point to.
class ExportRows {
 public:
  ExportRow make(const ft_request& request, const ExportContext& context);

 private:
  std::unordered_map<uint32_t, std::string> opcodes_;
};

}  // namespace fusetrace
