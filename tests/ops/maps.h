/* SPDX-License-Identifier: MIT */
/* Feature maps for tests of operations: guarded, with gaps that are watched (tests/kernels/grid.h); the grid of a map of
 * halves counts pairs (tests/kernels/halves.h). */
#ifndef RN_TESTS_OPS_MAPS_H
#define RN_TESTS_OPS_MAPS_H

#include "context/context.h"
#include "kernels/halves.h"
#include "ops/map.h"

typedef struct rn_test_map {
    rn_map map; /* first, so that &m.map is the map */
    rn_test_grid grid;
} rn_test_map;

/* Poisoned; `gap` floats between the pixels. */
rn_test_map rn_test_map_make(int64_t n, int64_t h, int64_t w, int64_t c, int64_t gap);
/* The same, filled with roughly normal numbers. */
rn_test_map rn_test_map_filled(int64_t n, int64_t h, int64_t w, int64_t c, int64_t gap, uint32_t seed);
/* Of the same shape, with the same numbers. */
rn_test_map rn_test_map_copy(const rn_test_map *from);
/* A map of halves of that shape, of NaNs; and one with the roundings of a map's numbers. */
rn_test_map rn_test_map_halves(const rn_map *like, int64_t gap);
rn_test_map rn_test_map_halved(const rn_test_map *from, int64_t gap);
void rn_test_map_release(rn_test_map *maps, int count);
float *rn_test_map_at(const rn_test_map *map, int64_t n, int64_t h, int64_t w, int64_t c);

/* Contexts of 1, 2, 3 and 7 threads and of every instruction set; all but the reference must give the same bits. */
typedef struct rn_test_setting {
    int32_t threads;
    rn_isa isa;
} rn_test_setting;
int rn_test_settings(rn_test_setting settings[16]);

#endif
