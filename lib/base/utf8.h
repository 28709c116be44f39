/* SPDX-License-Identifier: MIT */
/* UTF-8, told from other bytes. */
#ifndef RN_BASE_UTF8_H
#define RN_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>

/* The length of the UTF-8 character at `at`, of which `left` bytes are there; 0 if it is none (Unicode 15, table 3-7).
 */
size_t rn_utf8_length(const unsigned char *at, size_t left);
bool rn_utf8_is_valid(const char *text);

#endif
