/* SPDX-License-Identifier: MIT */
/*
 * Matrices for tests of kernels and operations. They lie between pages that cannot be touched, begin right behind the
 * first one or end right before the second one, and their gaps (between `channels` and `pitch`) are watched.
 */
#ifndef RN_TESTS_KERNELS_GRID_H
#define RN_TESTS_KERNELS_GRID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <resnet/context.h>

typedef struct rn_test_grid {
    float *data;
    int64_t rows, channels, pitch;
    void *pages;
    size_t mapped;
} rn_test_grid;

/* Memory of `bytes` bytes between two guard pages; rn_test_unguard gives `pages` back. */
void *rn_test_guarded(size_t bytes, bool at_end, void **pages, size_t *mapped);
void rn_test_unguard(void *pages, size_t mapped);

/* Poisoned: every byte is 0xA5. */
rn_test_grid rn_test_grid_make(int64_t rows, int64_t channels, int64_t pitch, bool at_end);
void rn_test_grid_release(rn_test_grid *grid);
void rn_test_grid_poison(const rn_test_grid *grid);
/* Roughly normal numbers of this deviation and mean; the gaps stay as they are. */
void rn_test_grid_fill(const rn_test_grid *grid, uint32_t seed, float deviation, float mean);
/* About one element in `every` becomes NaN, an infinity, -0, +-1e15 or a denormal. */
void rn_test_grid_spoil(const rn_test_grid *grid, uint32_t seed, int64_t every);
void rn_test_grid_copy(const rn_test_grid *to, const rn_test_grid *from);
float rn_test_grid_at(const rn_test_grid *grid, int64_t row, int64_t channel);

/* Fails the test if a gap was written to. */
void rn_test_grid_check_gaps(const rn_test_grid *grid);
/* Fails the test unless all elements have the same bits (any NaN is as good as another). */
void rn_test_grid_check_same(const rn_test_grid *a, const rn_test_grid *b, const char *what);
/* Fails the test unless |value - expected| <= bound; NaN and infinities must agree. */
void rn_test_check_near(double value, double expected, double bound, const char *what);

/* The host's instruction sets, reference first, into `isas`; returns how many. */
int rn_test_isas(rn_isa isas[4]);

#endif
