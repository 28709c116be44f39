/* SPDX-License-Identifier: MIT */
#ifndef RN_BASE_CLOCK_H
#define RN_BASE_CLOCK_H

/* Seconds of a clock that nobody sets. */
double rn_clock_seconds(void);

#endif
