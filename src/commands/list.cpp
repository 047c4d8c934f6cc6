// SPDX-License-Identifier: Apache-2.0
// `fusetrace list`: the FUSE connections of this machine and their servers.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <climits>
#include <nlohmann/json.hpp>

#include "capture/connections.h"
#include "capture/features.h"
#include "capture/iterators.h"
#include "commands/commands.h"
#include "commands/complain.h"
#include "commands/output.h"
#include "views/text/table.h"

namespace fusetrace {
namespace {

std::string number_or_unknown(int64_t value) { return value < 0 ? "-" : std::to_string(value); }

void print_connections(const std::map<uint32_t, Connection>& connections) {
  // As wide as what is shown: file systems choose the names of their types.
  Table table({"CONNECTION", "<TYPE", "<TRANSPORT", "PID", "<SERVER", "THREADS", "WAITING", "MAXBG",
               "CONG", "<MOUNT"});
  auto text = [](const std::string& value) { return value.empty() ? "-" : value; };
  for (const auto& [id, c] : connections) {
    table.add({std::to_string(id), text(c.fstype), text(c.transport),
               c.server_tgid == 0 ? "-" : std::to_string(c.server_tgid), text(c.server_comm),
               number_or_unknown(c.server_threads), number_or_unknown(c.waiting),
               number_or_unknown(c.max_background), number_or_unknown(c.congestion_threshold),
               text(c.mount)});
  }
  // Paths are there to be copied: none is cut.
  print_text(table.render(INT_MAX));
}

void print_document(const std::map<uint32_t, Connection>& connections) {
  nlohmann::ordered_json out;
  out["schema"] = "fusetrace.list/1";
  auto& all = out["connections"] = nlohmann::ordered_json::object();
  auto known = [](int64_t value) -> nlohmann::ordered_json {
    if (value < 0) return nullptr;
    return value;
  };
  for (const auto& [id, c] : connections) {
    all[std::to_string(id)] = {{"mount", c.mount},
                               {"fstype", c.fstype},
                               {"source", c.source},
                               {"transport", c.transport},
                               {"server_pid", c.server_tgid},
                               {"server_comm", c.server_comm},
                               {"server_threads", known(c.server_threads)},
                               {"waiting", known(c.waiting)},
                               {"max_background", known(c.max_background)},
                               {"congestion_threshold", known(c.congestion_threshold)}};
  }
  // A mount point may contain bytes that are not UTF-8.
  print_json(out.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n");
}

int run_list(bool json) {
  const Features features = detect_features();
  std::vector<ft_open_device> devices;
  // A user who may not trace still gets what /proc shows.
  if (const auto ok = check_requirements(features); !ok) {
    say("fusetrace: servers and limits are not shown: {}", ok.error().message);
  } else {
    auto scan = scan_open_devices();
    if (!scan) return complain(scan.error());
    devices = std::move(*scan);
  }
  const auto connections = find_connections(devices);
  if (json) {
    print_document(connections);
  } else {
    print_connections(connections);
  }
  return 0;
}

}  // namespace

void add_list_command(CLI::App& app, Action& action) {
  auto* sub =
      app.add_subcommand("list", "list the FUSE connections, their mount points and servers");
  auto json = std::make_shared<bool>(false);
  sub->add_flag("--json", *json, "print JSON (fusetrace.list/1)");
  sub->callback([&action, json] { action.run = [json] { return run_list(*json); }; });
}

}  // namespace fusetrace
