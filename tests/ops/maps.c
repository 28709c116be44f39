/* SPDX-License-Identifier: MIT */
#include "ops/maps.h"

rn_test_map rn_test_map_make(int64_t n, int64_t h, int64_t w, int64_t c, int64_t gap)
{
    const rn_test_grid grid = rn_test_grid_make(n * h * w, c, c + gap, (n + h + w + c) % 2 == 0);

    return (rn_test_map){ { .data = grid.data, .n = n, .h = h, .w = w, .c = c, .pitch = grid.pitch }, grid };
}

rn_test_map rn_test_map_filled(int64_t n, int64_t h, int64_t w, int64_t c, int64_t gap, uint32_t seed)
{
    const rn_test_map made = rn_test_map_make(n, h, w, c, gap);

    rn_test_grid_fill(&made.grid, seed, 1, 0);
    return made;
}

rn_test_map rn_test_map_copy(const rn_test_map *from)
{
    const rn_map *const m = &from->map;
    const rn_test_map made = rn_test_map_make(m->n, m->h, m->w, m->c, m->pitch - m->c);

    rn_test_grid_copy(&made.grid, &from->grid);
    return made;
}

rn_test_map rn_test_map_halves(const rn_map *like, int64_t gap)
{
    rn_test_map made = rn_test_map_make(like->n, like->h, like->w, like->c / 2, gap);

    made.map.c = like->c;
    made.map.is_halved = true;
    rn_test_halves_set_nan(&made.grid);
    return made;
}

rn_test_map rn_test_map_halved(const rn_test_map *from, int64_t gap)
{
    const rn_test_map made = rn_test_map_halves(&from->map, gap);

    rn_test_grid_narrow(&made.grid, &from->grid);
    return made;
}

void rn_test_map_release(rn_test_map *maps, int count)
{
    for (int i = 0; i < count; i++)
        rn_test_grid_release(&maps[i].grid);
}

float *rn_test_map_at(const rn_test_map *map, int64_t n, int64_t h, int64_t w, int64_t c)
{
    return map->map.data + ((n * map->map.h + h) * map->map.w + w) * map->map.pitch + c;
}

int rn_test_settings(rn_test_setting settings[16])
{
    static const int32_t threads[] = { 1, 2, 3, 7 };
    rn_isa isas[4];
    const int isa_count = rn_test_isas(isas);
    int count = 0;

    for (int i = 0; i < isa_count; i++)
        for (int j = 0; j < 4; j++)
            settings[count++] = (rn_test_setting){ threads[j], isas[i] };
    return count;
}
