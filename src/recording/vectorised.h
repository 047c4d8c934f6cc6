// SPDX-License-Identifier: Apache-2.0
// FT_VECTORISED marks a loop over columns that is worth compiling twice: for
// every machine, and for those with 32-byte vectors (x86-64-v3), chosen when the
// program is loaded. clang cannot do that to templates, and musl not load it.
#pragma once

#include <cstdlib>  // __GLIBC__

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && defined(__GLIBC__)
#define FT_VECTORISED [[gnu::target_clones("arch=x86-64-v3", "default")]]
#else
#define FT_VECTORISED
#endif
