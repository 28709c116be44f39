/* SPDX-License-Identifier: MIT */
#include "kernels/halves.h"

#include "kernels/kernels.h"
#include "support/bfloat16.h"
#include "support/support.h"

int rn_test_pair_tables(const rn_gemm_kernels *tables[2])
{
    int count = 0;

    if (rn_test_has_isa(RN_ISA_AVX512) && rn_test_has_bfloat16())
        tables[count++] = rn_pair_kernels_for(RN_ISA_AVX512);
#ifdef __x86_64__
    if (rn_test_has_isa(RN_ISA_AVX2))
#endif
        tables[count++] = &rn_test_gemm_bf16;
    return count;
}

uint16_t rn_test_half_of(float value)
{
    enum { QUIET = 0x40 };
    uint32_t bits;

    memcpy(&bits, &value, sizeof bits);
    if (isnan(value))
        return (uint16_t)(bits >> 16 | QUIET);
    return (uint16_t)((bits + 0x7FFF + (bits >> 16 & 1)) >> 16);
}

float rn_test_float_of(uint16_t half)
{
    const uint32_t bits = (uint32_t)half << 16;
    float value;

    memcpy(&value, &bits, sizeof value);
    return value;
}

uint16_t rn_test_half_at(const rn_test_grid *halves, int64_t row, int64_t channel)
{
    uint16_t half;

    memcpy(&half, (const char *)(halves->data + row * halves->pitch) + (size_t)channel * sizeof half, sizeof half);
    return half;
}

void rn_test_grid_round(const rn_test_grid *grid)
{
    for (int64_t r = 0; r < grid->rows; r++)
        for (int64_t c = 0; c < grid->channels; c++)
            grid->data[r * grid->pitch + c] = rn_test_float_of(rn_test_half_of(rn_test_grid_at(grid, r, c)));
}

void rn_test_grid_narrow(const rn_test_grid *halves, const rn_test_grid *from)
{
    assert_int_equal(from->channels, 2 * halves->channels);
    for (int64_t r = 0; r < halves->rows; r++)
        for (int64_t c = 0; c < halves->channels; c++) {
            const uint16_t pair[2] = { rn_test_half_of(rn_test_grid_at(from, r, 2 * c)),
                                       rn_test_half_of(rn_test_grid_at(from, r, 2 * c + 1)) };

            memcpy(halves->data + r * halves->pitch + c, pair, sizeof pair);
        }
}

void rn_test_halves_set_nan(const rn_test_grid *halves)
{
    for (int64_t r = 0; r < halves->rows; r++)
        memset(halves->data + r * halves->pitch, 0xFF, (size_t)halves->channels * sizeof(float));
}

void rn_test_halves_check(const rn_test_grid *halves, const rn_test_grid *floats, const char *what)
{
    rn_test_grid_check_gaps(halves);
    assert_int_equal(floats->channels, 2 * halves->channels);
    for (int64_t r = 0; r < floats->rows; r++)
        for (int64_t c = 0; c < floats->channels; c++) {
            const float exact = rn_test_grid_at(floats, r, c);
            const uint16_t half = rn_test_half_at(halves, r, c);

            if (half != rn_test_half_of(exact) && !(isnan(exact) && isnan(rn_test_float_of(half))))
                fail_msg("%s: row %lld, channel %lld: %.9g where floats are %.9g", what, (long long)r, (long long)c,
                         (double)rn_test_float_of(half), (double)exact);
        }
}
