/* SPDX-License-Identifier: MIT */
/*
 * A feature map in memory: n images of h x w pixels of c channels, channels-last. `pitch` floats lie between the
 * beginnings of neighbouring pixels, so that a map can be a range of channels inside a wider one (concatenation without
 * copying). Pixels of a row, rows of an image and images follow each other without further gaps: the map is a matrix of
 * n*h*w rows.
 */
#ifndef RN_OPS_MAP_H
#define RN_OPS_MAP_H

#include <stdint.h>

typedef struct rn_map {
    float *data;
    int64_t n, h, w, c;
    int64_t pitch; /* >= c */
} rn_map;

static inline int64_t rn_map_rows(const rn_map *map)
{
    return map->n * map->h * map->w;
}

#endif
