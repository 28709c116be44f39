/* SPDX-License-Identifier: MIT */
/* Whether a text is JSON, without building anything. */
#ifndef RN_BASE_JSON_GRAMMAR_H
#define RN_BASE_JSON_GRAMMAR_H

#include <stdbool.h>
#include <stddef.h>

/*
 * One value of RFC 8259 with white space around it. The text is UTF-8, its strings hold no control characters, and its
 * brackets nest at most 64 deep, as json.c has seen before. Numbers of more than 63 characters are refused: some
 * versions of cJSON cut them.
 */
bool rn_json_is_grammatical(const char *text, size_t nbytes);

#endif
