/* SPDX-License-Identifier: MIT */
/* A map as the matrix that row kernels take. */
#ifndef RN_OPS_MATRIX_H
#define RN_OPS_MATRIX_H

#include "kernels/row_kernels.h"
#include "ops/map.h"

#include <stddef.h>

/* From row `row` on; NULL gives an absent matrix. */
static inline rn_matrix rn_matrix_from(const rn_map *map, int64_t row)
{
    if (map == NULL)
        return (rn_matrix){ NULL, 0 };
    return (rn_matrix){ map->data + row * map->pitch, map->pitch };
}

/* From row `row` and channel `channel` on. */
static inline rn_matrix rn_matrix_part(const rn_map *map, int64_t row, int64_t channel)
{
    rn_matrix part = rn_matrix_from(map, row);

    if (map != NULL)
        part.data += channel;
    return part;
}

#endif
