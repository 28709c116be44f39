/* SPDX-License-Identifier: MIT */
/*
 * A second backend: every kind of operation as its definition reads, one thread, sums in double, no scratch and nothing
 * prepared. It shares no loop with the ops room, so that the two check each other, and it is the shortest complete
 * answer to what a backend has to do.
 */
#ifndef RN_TESTS_RUN_PLAIN_BACKEND_H
#define RN_TESTS_RUN_PLAIN_BACKEND_H

#include "run/backend.h"

extern const rn_backend plain_backend;

/* True if the map of the operand is to be added to. */
static inline bool plain_adds(const rn_operation *operation, int operand)
{
    return operation->operand[operand].role == RN_ADD;
}

/* Pixel `row` of a map, counted through its images. */
static inline float *plain_row(const rn_map *map, int64_t row)
{
    return map->data + row * map->pitch;
}

static inline float *plain_pixel(const rn_map *map, int64_t n, int64_t h, int64_t w)
{
    return plain_row(map, (n * map->h + h) * map->w + w);
}

static inline void plain_put(float *target, double value, bool adds)
{
    *target = (float)(adds ? (double)*target + value : value);
}

/* Number i of a parameter's gradient is set, or added to where nobody has used the one before up. NULL: absent. */
float *plain_begin_gradient(const rn_tape *tape, const rn_operation *operation, int operand, bool *adds);

/* plain_conv.c */
void plain_conv(const rn_tape *tape, const rn_operation *operation);
void plain_conv_backward(const rn_tape *tape, const rn_operation *operation);

/* plain_pool.c */
void plain_max_pool(const rn_tape *tape, const rn_operation *operation);
void plain_max_pool_backward(const rn_tape *tape, const rn_operation *operation);
void plain_avg_pool(const rn_tape *tape, const rn_operation *operation);
void plain_avg_pool_backward(const rn_tape *tape, const rn_operation *operation);

#endif
