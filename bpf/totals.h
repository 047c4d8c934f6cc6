/* SPDX-License-Identifier: GPL-2.0-only */
/* Running totals, kept in place of records where nobody wants each request (totals.bpf.c). */
#ifndef FUSETRACE_TOTALS_H
#define FUSETRACE_TOTALS_H

#include "record.h"

/*
 * Counts a request. Not inline, and neither static: the verifier then looks at such
 * a function once, and not at every call with all that may have come before.
 */
int totals_add(struct ft_request *r);

#endif /* FUSETRACE_TOTALS_H */
