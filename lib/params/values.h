/* SPDX-License-Identifier: MIT */
/* Arenas of floats: shared by the store's two files. */
#ifndef RN_PARAMS_VALUES_H
#define RN_PARAMS_VALUES_H

#include "params/parameters.h"
#include "tensor/convert.h"

/* Memory for `floats` floats, zeroed; and how a storage gives it back. */
rn_status rn_arena_allocate(float **memory, rn_context *context, size_t floats);
void rn_arena_release(rn_storage *storage);

#endif
