// SPDX-License-Identifier: Apache-2.0
#include "capture/open_requests.h"

#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "capture/bpf_object.h"
#include "model/request.h"

namespace fusetrace {

Result<uint64_t> take_open_requests(const fusetrace_bpf& object, std::vector<ft_request>& replied) {
  const auto* rodata = object.rodata;
  const auto count = static_cast<size_t>(rodata->slot_mask) + 1;
  const auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  const size_t bytes = (count * sizeof(ft_slot) + page - 1) / page * page;
  void* map = mmap(nullptr, bytes, PROT_READ, MAP_SHARED, bpf_map__fd(object.maps.slots), 0);
  if (map == MAP_FAILED) {
    return fail(fmt::format("cannot map the table of requests in flight: {}", strerror(errno)));
  }
  const auto* slots = static_cast<const ft_slot*>(map);
  uint64_t unanswered = 0;
  for (size_t i = 0; i < count; ++i) {
    const ft_slot& slot = slots[i];
    // One that is claimed belongs to nobody until its owner is stored; one that is handed
    // over has its record.
    if (slot.req == 0 || ft_word_seq(slot.owner) == 0 || (slot.owner & FT_OWNER_HANDED) != 0) {
      continue;
    }
    const ft_closed closed = {slot.owner, ft_slot_served(&slot, ft_word_seq(slot.owner))};
    if (rodata->filter_tgids_n != 0 && ft_closed_wanted(&slot, &closed) == 0) continue;
    // A reply whose client was not seen to return: only what was saved can be
    // told, since the kernel may have freed the request by now.
    if (ft_closed_replied(&closed) == 0) {
      ++unanswered;
    } else if (ft_sampled(slot.connection, slot.unique, rodata->sample_n) != 0) {
      ft_request& request = replied.emplace_back();
      ft_slot_record(&slot, &closed, &request);
      ft_slot_saved(&slot, &request);
    }
  }
  munmap(map, bytes);
  return unanswered;
}

}  // namespace fusetrace
