/* SPDX-License-Identifier: MIT */
/* Reading options structs of any age (include/resnet/options.h says how they grow). */
#ifndef RN_BASE_OPTIONS_H
#define RN_BASE_OPTIONS_H

#include "base/message.h"
#include <resnet/options.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * Copies the caller's struct into `options` of `size` bytes (its struct_size becomes `size`) and zeroes what an older
 * one lacks. `source` may be NULL. Nothing beyond the caller's struct_size is read, and not that much before it makes
 * sense. RN_INVALID_ARGUMENT: struct_size is neither `size` nor one of the `older` sizes that this struct has had in a
 * release (so it cannot end within a field), nor a newer one (at most RN_OPTIONS_LIMIT) whose part beyond `size` is all
 * zero.
 */
rn_status rn_options_read_older(void *options, size_t size, const size_t *older, size_t older_count, const void *source,
                                rn_message *message);
/* The same of a struct that has never grown. */
rn_status rn_options_read(void *options, size_t size, const void *source, rn_message *message);

enum { RN_OPTIONS_LIMIT = 4096 }; /* bytes; no options struct will be longer */

/* RN_INVALID_ARGUMENT unless a reserved field is 0. */
rn_status rn_options_reserved(int64_t reserved, const char *call, rn_message *message);

/* A floating-point option: 0 gives `standard`, RN_ZERO gives 0. */
double rn_option_number(double value, double standard);

/*
 * A field added into tail padding would be invisible to struct_size: where pointers have 64 bits, every options struct
 * ends where its last field ends, which the compiler checks. Where they have 32 bits, a struct may end in 4 bytes of
 * padding; a field appended to such a struct has to be preceded by an `int32_t reserved` that fills them there, so that
 * the size grows on every target.
 */
#define RN_NO_TAIL_PADDING(type, last) \
    _Static_assert(sizeof(void *) < 8 || sizeof(type) == offsetof(type, last) + sizeof(((type *)0)->last), \
                   #type " must not have tail padding")

#endif
