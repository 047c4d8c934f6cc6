// SPDX-License-Identifier: Apache-2.0
// How a state is written as bytes, and the table of those that were visited.
#include "interleavings/state.h"

#include <functional>

namespace fusetrace::interleavings {

// Only locations with more than one value to choose from tell views apart.
void Encoding::write_view(const State& state, const View& view, std::string& out) const {
  for (std::size_t l = 0; l < locations_; ++l) {
    if (state.length[l] > 1) out += static_cast<char>(view[l]);
  }
}

void Encoding::write(const State& state, std::string& out) const {
  out.clear();
  for (std::size_t l = 0; l < locations_; ++l) {
    out += static_cast<char>(state.length[l]);
    out.append(reinterpret_cast<const char*>(state.history[l].data()), state.length[l]);
  }
  for (std::size_t c = 0; c < carrying_.size(); ++c) {
    for (std::size_t i = 0; i < state.length[carrying_[c]]; ++i) {
      write_view(state, state.visible[c][i], out);
    }
  }
  for (std::size_t t = 0; t < threads_; ++t) {
    const ThreadState& thread = state.threads[t];
    out += static_cast<char>(thread.node & 0xff);
    out += static_cast<char>(thread.node >> 8 & 0xff);
    out += static_cast<char>(thread.node >> 16);
    out += static_cast<char>(thread.stores);
    for (std::size_t i = 0; i < thread.stores; ++i) {
      out += static_cast<char>(thread.pending[i].location);
      out += static_cast<char>(thread.pending[i].value);
      out += static_cast<char>(thread.pending[i].release | thread.pending[i].adds << 1);
    }
    out += static_cast<char>(thread.results);
    out.append(reinterpret_cast<const char*>(thread.result.data()), thread.results);
    out += static_cast<char>(thread.unread & 0xff);
    out += static_cast<char>(thread.unread >> 8);
    write_view(state, thread.seen, out);
    out += static_cast<char>(thread.dependencies);
    for (std::size_t d = 0; d < carrying_.size(); ++d) {
      if (thread.dependencies >> d & 1) write_view(state, thread.dependency[d], out);
    }
  }
}

void Encoding::read(std::string_view in, State& state) const {
  std::size_t at = 0;
  const auto next = [&] { return static_cast<std::uint8_t>(in[at++]); };
  const auto read_view = [&](View& view) {
    for (std::size_t l = 0; l < locations_; ++l) view[l] = state.length[l] > 1 ? next() : 0;
  };
  for (std::size_t l = 0; l < locations_; ++l) {
    state.length[l] = next();
    for (std::size_t i = 0; i < state.length[l]; ++i) state.history[l][i] = next();
  }
  for (std::size_t c = 0; c < carrying_.size(); ++c) {
    for (std::size_t i = 0; i < state.length[carrying_[c]]; ++i) read_view(state.visible[c][i]);
  }
  for (std::size_t t = 0; t < threads_; ++t) {
    ThreadState& thread = state.threads[t];
    thread.node = next();
    thread.node |= std::uint32_t{next()} << 8;
    thread.node |= std::uint32_t{next()} << 16;
    thread.stores = next();
    for (std::size_t i = 0; i < thread.stores; ++i) {
      thread.pending[i].location = next();
      thread.pending[i].value = next();
      const std::uint8_t bits = next();
      thread.pending[i].release = (bits & 1) != 0;
      thread.pending[i].adds = (bits & 2) != 0;
    }
    thread.results = next();
    for (std::size_t i = 0; i < thread.results; ++i) thread.result[i] = next();
    thread.unread = next();
    thread.unread = static_cast<std::uint16_t>(thread.unread | next() << 8);
    read_view(thread.seen);
    thread.dependencies = next();
    for (std::size_t d = 0; d < carrying_.size(); ++d) {
      if (thread.dependencies >> d & 1) read_view(thread.dependency[d]);
    }
  }
}

std::string_view StateSet::operator[](std::uint32_t number) const {
  const auto& [start, length] = starts_[number];
  return std::string_view(chunks_[start >> 32]).substr(start & 0xffffffff, length);
}

void StateSet::grow() {
  table_.assign(table_.empty() ? 1 << 12 : table_.size() * 2, 0);
  for (std::uint32_t number = 0; number < starts_.size(); ++number) {
    std::size_t place = std::hash<std::string_view>{}((*this)[number]) & (table_.size() - 1);
    while (table_[place] != 0) place = (place + 1) & (table_.size() - 1);
    table_[place] = number + 1;
  }
}

std::pair<std::uint32_t, bool> StateSet::insert(std::string_view bytes) {
  if (starts_.size() * 2 >= table_.size()) grow();
  std::size_t place = std::hash<std::string_view>{}(bytes) & (table_.size() - 1);
  for (; table_[place] != 0; place = (place + 1) & (table_.size() - 1)) {
    if ((*this)[table_[place] - 1] == bytes) return {table_[place] - 1, false};
  }
  if (chunks_.empty() || chunks_.back().size() + bytes.size() > kChunk) {
    chunks_.emplace_back();
    chunks_.back().reserve(kChunk);
  }
  const auto number = static_cast<std::uint32_t>(starts_.size());
  starts_.emplace_back((chunks_.size() - 1) << 32 | chunks_.back().size(),
                       static_cast<std::uint32_t>(bytes.size()));
  chunks_.back().append(bytes);
  table_[place] = number + 1;
  return {number, true};
}

}  // namespace fusetrace::interleavings
