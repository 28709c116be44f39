/* SPDX-License-Identifier: MIT */
/*
 * The library says in English what failed, and what it warns of. The sentences that users of the programs meet most
 * are told by their words here and said in the user's language (language.h); all others stay as they are.
 */
#ifndef EXAMPLES_SENTENCE_H
#define EXAMPLES_SENTENCE_H

#include <stddef.h>

enum { SENTENCE_SIZE = 4096 }; /* for a sentence of the library's in any language */

/* The sentence in the user's language, if it is known there, else as it is: in `to` or where it stands. */
const char *sentence_translate(char *to, size_t size, const char *sentence);

#endif
