/* SPDX-License-Identifier: MIT */
/* A map as the matrix that row kernels take, and the kernels for it. */
#ifndef RN_OPS_MATRIX_H
#define RN_OPS_MATRIX_H

#include "context/context.h"
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
        part.data += rn_map_floats(map, channel);
    return part;
}

/* The row kernels for maps like this one. */
static inline const rn_row_kernels *rn_rows_of(const rn_context *context, const rn_map *map)
{
    return map->is_halved ? context->pairs->pairs->halves : context->kernels->rows;
}

#endif
