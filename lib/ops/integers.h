/* SPDX-License-Identifier: MIT */
/* Sizes: the smaller and the larger of two, quotients rounded up, a cache line in floats. */
#ifndef RN_OPS_INTEGERS_H
#define RN_OPS_INTEGERS_H

#include "base/memory.h"

#include <stdint.h>

enum { RN_FLOATS_A_LINE = RN_ALIGNMENT / sizeof(float) };

static inline int64_t rn_least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static inline int64_t rn_most(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static inline int64_t rn_clip(int64_t value, int64_t low, int64_t high)
{
    return value < low ? low : value > high ? high : value;
}

static inline int64_t rn_divide_up(int64_t a, int64_t b)
{
    return a / b + (a % b != 0);
}

static inline int64_t rn_round_up(int64_t a, int64_t b)
{
    return rn_divide_up(a, b) * b;
}

#endif
