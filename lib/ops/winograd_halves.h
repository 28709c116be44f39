/* SPDX-License-Identifier: MIT */
/*
 * Winograd's transforms (kernels/winograd_kernels.h) between planes, which are of floats, and maps of halves: some
 * channels of a tile at a time are widened, or rounded, in the first-level cache. Pointers and pitches are those of the
 * map, in floats.
 */
#ifndef RN_OPS_WINOGRAD_HALVES_H
#define RN_OPS_WINOGRAD_HALVES_H

#include "context/context.h"

/* Pixels that are `nothing` are of floats, zeros. */
void rn_winograd_halves_input(const rn_context *context, const rn_winograd_tile *tile, const float *const *pixel,
                              const float *nothing, int64_t channels, int64_t stored);
/* From channel `first`, which may be odd. */
void rn_winograd_halves_gradient(const rn_context *context, const rn_winograd_tile *tile, const float *dy,
                                 int64_t first, int64_t pixel, int64_t line, int64_t channels, int64_t stored);
void rn_winograd_halves_output(const rn_context *context, const rn_winograd_tile *tile, int64_t channels,
                               const rn_row_combine *finish, int64_t out_line, int64_t other_line);

#endif
