/* SPDX-License-Identifier: MIT */
#define _DEFAULT_SOURCE
#include "kernels/grid.h"

#include "support/support.h"

#include <sys/mman.h>
#include <unistd.h>

enum { POISON = 0xA5 };

void *rn_test_guarded(size_t bytes, bool at_end, void **pages, size_t *mapped)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE), inner = (bytes + page - 1) / page * page;
    char *base;

    *mapped = inner + 2 * page;
    base = mmap(NULL, *mapped, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(base != MAP_FAILED);
    assert_int_equal(mprotect(base + page, inner, PROT_READ | PROT_WRITE), 0);
    memset(base + page, POISON, inner);
    *pages = base;
    return base + page + (at_end ? inner - bytes : 0);
}

void rn_test_unguard(void *pages, size_t mapped)
{
    munmap(pages, mapped);
}

rn_test_grid rn_test_grid_make(int64_t rows, int64_t channels, int64_t pitch, bool at_end)
{
    rn_test_grid grid = { .rows = rows, .channels = channels, .pitch = pitch };
    const size_t floats = (size_t)((rows - 1) * pitch + channels);

    grid.data = rn_test_guarded(floats * sizeof(float), at_end, &grid.pages, &grid.mapped);
    return grid;
}

void rn_test_grid_release(rn_test_grid *grid)
{
    rn_test_unguard(grid->pages, grid->mapped);
    grid->pages = NULL;
}

void rn_test_grid_poison(const rn_test_grid *grid)
{
    memset(grid->data, POISON, (size_t)((grid->rows - 1) * grid->pitch + grid->channels) * sizeof(float));
}

float rn_test_grid_at(const rn_test_grid *grid, int64_t row, int64_t channel)
{
    return grid->data[row * grid->pitch + channel];
}

/* Neighbouring seeds give unrelated numbers. */
static uint32_t mix(uint32_t x)
{
    x ^= x >> 16;
    x *= UINT32_C(0x85EBCA6B);
    x ^= x >> 13;
    x *= UINT32_C(0xC2B2AE35);
    return x ^ x >> 16;
}

void rn_test_grid_fill(const rn_test_grid *grid, uint32_t seed, float deviation, float mean)
{
    for (int64_t r = 0; r < grid->rows; r++) {
        float *const row = grid->data + r * grid->pitch;

        rn_test_fill(row, (size_t)grid->channels, mix(mix(seed) + (uint32_t)r));
        for (int64_t c = 0; c < grid->channels; c++)
            row[c] = row[c] * deviation + mean;
    }
}

void rn_test_grid_spoil(const rn_test_grid *grid, uint32_t seed, int64_t every)
{
    static const float odd[] = { NAN, INFINITY, -INFINITY, -0.0f, 1e15f, -1e15f, 1e-40f };
    uint32_t state = mix(seed);

    for (int64_t r = 0; r < grid->rows; r++)
        for (int64_t c = 0; c < grid->channels; c++) {
            state = state * 1664525u + 1013904223u;
            if ((int64_t)(state >> 8) % every == 0)
                grid->data[r * grid->pitch + c] = odd[(state >> 4) % (sizeof odd / sizeof odd[0])];
        }
}

void rn_test_grid_copy(const rn_test_grid *to, const rn_test_grid *from)
{
    for (int64_t r = 0; r < to->rows; r++)
        memcpy(to->data + r * to->pitch, from->data + r * from->pitch, (size_t)to->channels * sizeof(float));
}

void rn_test_grid_check_gaps(const rn_test_grid *grid)
{
    for (int64_t r = 0; r + 1 < grid->rows; r++) {
        const unsigned char *const row = (const unsigned char *)(grid->data + r * grid->pitch);

        for (size_t i = (size_t)grid->channels * sizeof(float); i < (size_t)grid->pitch * sizeof(float); i++)
            if (row[i] != POISON)
                fail_msg("row %lld: byte %zu behind %lld channels was written", (long long)r, i,
                         (long long)grid->channels);
    }
}

void rn_test_grid_check_same(const rn_test_grid *a, const rn_test_grid *b, const char *what)
{
    for (int64_t r = 0; r < a->rows; r++)
        for (int64_t c = 0; c < a->channels; c++) {
            const float x = rn_test_grid_at(a, r, c), y = rn_test_grid_at(b, r, c);

            if (memcmp(&x, &y, sizeof x) != 0 && !(isnan(x) && isnan(y)))
                fail_msg("%s: row %lld, channel %lld: %.9g and %.9g", what, (long long)r, (long long)c, (double)x,
                         (double)y);
        }
}

void rn_test_check_near(double value, double expected, double bound, const char *what)
{
    const bool near = isfinite(expected) && isfinite(bound) && fabs(value - expected) <= bound;

    if (!(near || value == expected || (isnan(value) && isnan(expected))))
        fail_msg("%s: %.9g instead of %.9g (bound %.3g)", what, value, expected, bound);
}

int rn_test_isas(rn_isa isas[4])
{
    static const rn_isa all[] = { RN_ISA_REFERENCE, RN_ISA_BASELINE, RN_ISA_AVX2, RN_ISA_AVX512 };
    int count = 0;

    for (int i = 0; i < 4; i++) {
        if (rn_test_has_isa(all[i]))
            isas[count++] = all[i];
        else
            print_message("%s: not on this host\n", rn_isa_name(all[i]));
    }
    return count;
}
