/* SPDX-License-Identifier: MIT */
#include "kernels/row_halves.h"

#include "support/bfloat16.h"

const rn_row_kernels *row_halves[2];
int row_halves_count;

int row_find_halves(void **state)
{
    const rn_gemm_kernels *tables[2];

    (void)state;
    row_halves_count = rn_test_pair_tables(tables);
    for (int i = 0; i < row_halves_count; i++)
        row_halves[i] = tables[i]->pairs->halves;
    return 0;
}

/* Denormals are left out: how they are rounded depends on whether they are flushed. */
static void spoil(const rn_test_grid *grid, uint32_t seed, int64_t every)
{
    static const float odd[] = { NAN, INFINITY, -INFINITY, -0.0f, 1e15f, -1e15f };
    uint32_t state = seed;

    for (int64_t r = 0; r < grid->rows; r++)
        for (int64_t c = 0; c < grid->channels; c++) {
            state = state * 1664525u + 1013904223u;
            if ((int64_t)(state >> 8) % every == 0)
                grid->data[r * grid->pitch + c] = odd[(state >> 4) % (sizeof odd / sizeof odd[0])];
        }
}

static rn_test_grid floats_of(const row_form *f, int64_t rows, uint32_t seed)
{
    const rn_test_grid grid = rn_test_grid_make(rows, 2 * f->channels, 2 * f->channels, f->at_end);

    rn_test_grid_fill(&grid, f->seed * 31 + seed, 1, 0);
    if (f->spoil > 0)
        spoil(&grid, f->seed * 17 + seed, f->spoil);
    return grid;
}

row_both row_both_empty(const row_form *f)
{
    return (row_both){ row_empty(f), rn_test_grid_make(f->rows, 2 * f->channels, 2 * f->channels, f->at_end) };
}

row_both row_both_filled(const row_form *f, uint32_t seed)
{
    const row_both both = { row_empty(f), floats_of(f, f->rows, seed) };

    rn_test_grid_round(&both.floats);
    rn_test_grid_narrow(&both.halves, &both.floats);
    return both;
}

rn_test_grid row_both_vector(const row_form *f, uint32_t seed)
{
    return floats_of(f, 1, seed + 50);
}

void row_both_copy(const row_both *to, const row_both *from)
{
    rn_test_grid_copy(&to->halves, &from->halves);
    rn_test_grid_copy(&to->floats, &from->floats);
}

void row_both_check(const row_both *both, const char *what)
{
    rn_test_halves_check(&both->halves, &both->floats, what);
}

void row_both_release(row_both *both, int count)
{
    for (int i = 0; i < count; i++) {
        rn_test_grid_release(&both[i].halves);
        rn_test_grid_release(&both[i].floats);
    }
}
