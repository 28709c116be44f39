/* SPDX-License-Identifier: MIT */
/* Reading options structs of any age (include/resnet/options.h says how they grow). */
#ifndef RN_BASE_OPTIONS_H
#define RN_BASE_OPTIONS_H

#include "base/message.h"
#include <resnet/options.h>
#include <stdbool.h>

/*
 * Copies what the caller's struct covers into `options` of `size` bytes (its struct_size becomes `size`) and zeroes
 * the rest. `source` may be NULL. RN_INVALID_ARGUMENT: struct_size is 0 or below sizeof(size_t), or the part beyond
 * `size` is not all zero.
 */
rn_status rn_options_read(void *options, size_t size, const void *source, rn_message *message);

/* A floating-point option: 0 gives `standard`, RN_ZERO gives 0. */
double rn_option_number(double value, double standard);

/*
 * A field added into tail padding would be invisible to struct_size: every options struct ends where its last field
 * ends.
 */
#define RN_NO_TAIL_PADDING(type, last) \
    _Static_assert(sizeof(type) == offsetof(type, last) + sizeof(((type *)0)->last), \
                   #type " must not have tail padding")

#endif
