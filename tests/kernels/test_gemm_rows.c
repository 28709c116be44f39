/* SPDX-License-Identifier: MIT */
/* Tables of heights that no instruction set of the library has: each height of a tile is computed. */
#include "kernels/gemm_kernels.h"
#include "kernels/grid.h"
#include "support/support.h"

extern const rn_gemm_kernels rn_test_gemm_8, rn_test_gemm_11;

enum { DEPTH = 37, ROWS_MOST = 14, COLUMNS_MOST = 8 };

/* rows x nr products of depth DEPTH by both multiply kernels, from NaN. */
static void check_height(const rn_gemm_kernels *gemm, int64_t rows)
{
    _Alignas(64) float b[DEPTH * COLUMNS_MOST], c[2][ROWS_MOST * COLUMNS_MOST];
    float a[ROWS_MOST * DEPTH], turned[DEPTH * ROWS_MOST];
    const rn_gemm_rows in_place = { a, DEPTH, DEPTH, 0 };

    rn_test_fill(a, sizeof a / sizeof *a, 1);
    rn_test_fill(b, sizeof b / sizeof *b, 2);
    for (int64_t i = 0; i < ROWS_MOST; i++)
        for (int64_t k = 0; k < DEPTH; k++)
            turned[k * ROWS_MOST + i] = a[i * DEPTH + k];
    for (int64_t i = 0; i < ROWS_MOST * COLUMNS_MOST; i++)
        c[0][i] = c[1][i] = NAN;
    gemm->multiply(rows, DEPTH, &in_place, b, c[0], gemm->nr, false);
    gemm->multiply_weights(rows, DEPTH, turned, ROWS_MOST, b, c[1], gemm->nr, false);
    for (int64_t i = 0; i < ROWS_MOST; i++)
        for (int64_t j = 0; j < gemm->nr; j++) {
            double sum = 0;

            for (int64_t k = 0; k < DEPTH; k++)
                sum += (double)a[i * DEPTH + k] * b[k * gemm->nr + j];
            for (int kernel = 0; kernel < 2; kernel++) {
                const float value = c[kernel][i * gemm->nr + j];

                if (i < rows)
                    rn_test_check_near(value, sum, DEPTH * 6e-8 * DEPTH, "product");
                else
                    assert_true(isnan(value)); /* not touched */
            }
        }
}

static void every_height_is_computed(void **state)
{
    const rn_gemm_kernels *const tables[] = { &rn_test_gemm_8, &rn_test_gemm_11 };

    (void)state;
    for (size_t t = 0; t < sizeof tables / sizeof *tables; t++)
        for (int64_t rows = 1; rows <= tables[t]->mr; rows++)
            check_height(tables[t], rows);
    assert_int_equal(rn_test_gemm_8.mr, 8);
    assert_int_equal(rn_test_gemm_11.mr, 11);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_height_is_computed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
