/* SPDX-License-Identifier: MIT */
/* What becomes of each parameter and of each tensor. */
#ifndef RN_STORE_COMPARE_H
#define RN_STORE_COMPARE_H

#include "store/source.h"

/*
 * Fills the report, whose head_skipped says what is wanted of the head; values[i] becomes the tensor that parameter i
 * takes, or NULL. RN_NO_MEMORY.
 */
rn_status rn_load_compare(const rn_tensor **values, rn_load_report *report, const rn_load_source *source);
/* True if a tensor lies in another state dict that fits. `name`: the whole. */
bool rn_load_is_of_another(const rn_load_report *report, const char *name);

#endif
