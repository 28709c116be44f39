/* SPDX-License-Identifier: MIT */
#include "kernels/rows.h"

rn_isa row_isas[4];
int row_isa_count;

int row_find_isas(void **state)
{
    (void)state;
    row_isa_count = rn_test_isas(row_isas);
    return 0;
}

const rn_row_kernels *row_table(int i)
{
    return rn_kernels_for(row_isas[i])->rows;
}

rn_matrix row_matrix(const rn_test_grid *grid)
{
    return grid == NULL ? (rn_matrix){ NULL, 0 } : (rn_matrix){ grid->data, grid->pitch };
}

void row_for_each_form(void (*test)(const row_form *))
{
    static const int64_t channels[] = { 1, 3, 4, 5, 7, 8, 9, 12, 15, 16, 17, 31, 32, 33, 47, 63, 64, 65, 79, 131 };
    static const int64_t rows[] = { 1, 2, 5, 63, 64, 65, 130 };

    for (size_t i = 0; i < sizeof channels / sizeof channels[0]; i++)
        for (size_t j = 0; j < sizeof rows / sizeof rows[0]; j++)
            for (int k = 0; k < 4; k++) {
                const row_form f = {
                    .rows = rows[j],
                    .channels = channels[i],
                    .gap = k % 2 == 0 ? 0 : 3,
                    .at_end = k < 2,
                    .spoil = (i + j) % 2 == 0 ? 0 : 11,
                    .seed = (uint32_t)(100 * i + 10 * j) + (uint32_t)k,
                };

                test(&f);
            }
}

rn_test_grid row_empty(const row_form *f)
{
    return rn_test_grid_make(f->rows, f->channels, f->channels + f->gap, f->at_end);
}

rn_test_grid row_filled(const row_form *f, uint32_t seed)
{
    const rn_test_grid grid = row_empty(f);

    rn_test_grid_fill(&grid, f->seed * 31 + seed, 1, 0);
    if (f->spoil > 0)
        rn_test_grid_spoil(&grid, f->seed * 17 + seed, f->spoil);
    return grid;
}

rn_test_grid row_vector(const row_form *f, uint32_t seed)
{
    const row_form one = { .rows = 1, .channels = f->channels, .at_end = f->at_end, .seed = f->seed };

    return row_filled(&one, seed + 50);
}

void row_release(rn_test_grid *grids, int count)
{
    for (int i = 0; i < count; i++)
        rn_test_grid_release(&grids[i]);
}

void row_agree(row_agreement *a, int isa, const rn_test_grid *result)
{
    rn_test_grid_check_gaps(result);
    if (row_isas[isa] == RN_ISA_REFERENCE)
        return;
    if (!a->have) {
        a->first = rn_test_grid_make(result->rows, result->channels, result->channels, true);
        rn_test_grid_copy(&a->first, result);
        a->have = true;
    } else {
        rn_test_grid_check_same(result, &a->first, rn_isa_name(row_isas[isa]));
    }
}

void row_end_agreement(row_agreement *a)
{
    if (a->have)
        rn_test_grid_release(&a->first);
}
