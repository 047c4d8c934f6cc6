/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* All that the BPF programs share with user space. */
#ifndef FUSETRACE_H
#define FUSETRACE_H

#include "cpu_state.h"
#include "facts.h"
#include "histogram.h"
#include "record.h"
#include "sampling.h"
#include "scan.h"
#include "slot_record.h"
#include "totals_layout.h"

#endif /* FUSETRACE_H */
