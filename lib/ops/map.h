/* SPDX-License-Identifier: MIT */
/*
 * A feature map in memory: n images of h x w pixels of c channels, channels-last. `pitch` floats lie between the
 * beginnings of neighbouring pixels, so that a map can be a range of channels inside a wider one (concatenation without
 * copying). Pixels of a row, rows of an image and images follow each other without further gaps: the map is a matrix of
 * n*h*w rows.
 *
 * A map of halves has bfloat16 numbers, of which two neighbours, a pair, lie in the place of a float. Its channels are
 * even; `c` counts numbers and `pitch`, as ever, floats.
 */
#ifndef RN_OPS_MAP_H
#define RN_OPS_MAP_H

#include <stdbool.h>
#include <stdint.h>

typedef struct rn_map {
    float *data;
    int64_t n, h, w, c;
    int64_t pitch; /* >= c, or c / 2 */
    bool is_halved;
} rn_map;

static inline int64_t rn_map_rows(const rn_map *map)
{
    return map->n * map->h * map->w;
}

/* Floats from a pixel's first channel to channel `channel`, an even one if the map is of halves. */
static inline int64_t rn_map_floats(const rn_map *map, int64_t channel)
{
    return map->is_halved ? channel / 2 : channel;
}

/* One number; halves are the upper halves of floats. */
static inline float rn_map_number(const rn_map *map, int64_t row, int64_t channel)
{
    const void *const pixel = map->data + row * map->pitch;
    union {
        uint32_t bits;
        float value;
    } wide;

    if (!map->is_halved)
        return ((const float *)pixel)[channel];
    wide.bits = (uint32_t)((const uint16_t *)pixel)[channel] << 16;
    return wide.value;
}

#endif
