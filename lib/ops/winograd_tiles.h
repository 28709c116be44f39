/* SPDX-License-Identifier: MIT */
/*
 * How a map of outputs is cut into tiles of 3 or 4 lines by 3 or 4 columns. A side of 4a + 3b pixels has its a tiles of
 * 4 first; 14 = 4 + 4 + 3 + 3, 7 = 4 + 3. Every side of 6 and more can be cut so, with as few tiles as there can be,
 * and no tile hangs over the edge. Smaller maps are left to sums in the order of the definition: where a map is hardly
 * larger than the window, many gradients of weights are sums of nothing but zeros, and Adam would make whole steps of
 * their rounding.
 *
 * Tiles of a batch are numbered class by class, then by image, line and column. The order of the classes, 4 x 3, 4 x 4,
 * 3 x 4, 3 x 3 (height x width), makes the tiles that a plane has consecutive in any range: a plane of point 4 (see
 * kernels/winograd_kernels.h) needs a height or a width of 4, or both.
 */
#ifndef RN_OPS_WINOGRAD_TILES_H
#define RN_OPS_WINOGRAD_TILES_H

#include "ops/map.h"

#include <stdbool.h>

typedef struct rn_tile_side {
    int64_t fours, threes;
} rn_tile_side;

typedef struct rn_tiling {
    rn_tile_side h, w;
    int64_t end[4]; /* of each class's tiles */
} rn_tiling;

typedef struct rn_tile {
    int64_t image, y, x; /* its first output */
    int32_t height, width;
} rn_tile;

typedef struct rn_tile_range {
    int64_t begin, end;
} rn_tile_range;

bool rn_tile_side_suits(int64_t pixels);
rn_tiling rn_tiling_of(int64_t images, int64_t h, int64_t w);
rn_tile rn_tile_at(const rn_tiling *tiling, int64_t index);
/* The tiles among [begin, end) that plane p has, counted from `begin`. */
rn_tile_range rn_tiles_of_plane(const rn_tiling *tiling, int64_t begin, int64_t end, int plane);

static inline int64_t rn_tile_count(const rn_tiling *tiling)
{
    return tiling->end[3];
}

#endif
