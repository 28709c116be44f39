/* SPDX-License-Identifier: MIT */
/* What can be done about a file that does not fit: a wrong head is told apart from a wrong network. */
#ifndef RN_STORE_ADVICE_H
#define RN_STORE_ADVICE_H

#include "store/compare.h"

enum { RN_ADVICE_SIZE = 448 };

/* Writes a sentence without an end, or "" if there is nothing to say. RN_NO_MEMORY. */
rn_status rn_load_advise(char advice[RN_ADVICE_SIZE], const rn_load_source *source, const rn_load_report *report,
                         const rn_load_options *options);
/* The first networks of the zoo that all of the state dict fits, its head aside; NULL: none. Two may have the same
 * names and shapes and compute otherwise: resnet50 and resnet50_v1. RN_NO_MEMORY. */
rn_status rn_load_guess_network(const char *names[2], const rn_load_source *source, const rn_load_options *options);

#endif
