/* SPDX-License-Identifier: MIT */
/*
 * Convolutions for tests: guarded operands that cannot be written to, and the three passes by their definition in
 * double.
 *
 * A sum of K products in floats, however they are ordered or fused, is off by at most K * U * (the sum of their
 * absolute values) to first order; the bounds below count two more roundings, which covers the terms of second order
 * for K < 2^20, and those of what is done to the sum afterwards.
 */
#ifndef RN_TESTS_OPS_CONV_CASES_H
#define RN_TESTS_OPS_CONV_CASES_H

#include "ops/conv.h"
#include "ops/maps.h"

#define RN_TEST_U 5.9604645e-08

typedef struct rn_test_conv_shape {
    int64_t n, h, w, c, o;
    int32_t kh, kw, sh, sw, ph, pw, groups, dilation;
} rn_test_conv_shape;

extern const rn_test_conv_shape rn_test_conv_shapes[];
extern const int rn_test_conv_shape_count;

rn_conv rn_test_conv_of(const rn_test_conv_shape *shape);
/* Any shape that is small; different ones for different seeds. */
rn_test_conv_shape rn_test_conv_random(uint32_t seed);

/* The sums of an output and the sums of the absolute values of their terms; densely packed. */
typedef struct rn_test_sums {
    double *sum, *size;
    int64_t terms; /* at most, of one sum */
} rn_test_sums;

typedef struct rn_test_conv {
    rn_conv conv;
    int64_t n, gap;
    bool wants_pairs; /* of the plans that the passes make; false */
    rn_test_map x, dy,
        residual;         /* gaps between pixels unless the seed is a multiple of three; residual has the shape of dy */
    rn_test_grid weights; /* [out][kernel_h * kernel_w * in / groups] */
    rn_test_sums y, dx, dw;
} rn_test_conv;

/* Odd seeds put operands right before a guard page, even ones right behind one. */
rn_test_conv rn_test_conv_make(const rn_test_conv_shape *shape, uint32_t seed);
void rn_test_conv_release(rn_test_conv *test);
/* The sums again, after an operand was changed. */
void rn_test_conv_define(rn_test_conv *test);
/* Makes all operands bfloat16 numbers, floats as before. */
void rn_test_conv_round(rn_test_conv *test);

/* Poisoned outputs: all elements NaN, gaps that are watched. */
rn_test_map rn_test_conv_output(const rn_test_conv *test, bool of_input);
rn_test_grid rn_test_conv_dw(const rn_test_conv *test);
void rn_test_grid_set_nan(const rn_test_grid *grid);
/* Whether the elements of a grid can be written to. */
void rn_test_grid_protect(const rn_test_grid *grid, bool writable);

/* The passes with workspaces of exactly the announced size between guard pages, full of NaN at first. */
void rn_test_conv_forward(const rn_context *context, const rn_test_conv *test, const rn_map *x,
                          const rn_conv_epilogue *epilogue, const rn_map *y);
void rn_test_conv_data(const rn_context *context, const rn_test_conv *test, const rn_map *dy, const rn_map *dx,
                       bool accumulate);
void rn_test_conv_weights(const rn_context *context, const rn_test_conv *test, const rn_map *x, const rn_map *dy,
                          float *dw, bool accumulate);

/* Fails the test unless output = sum + start (NULL: 0), within the bound. */
void rn_test_conv_check(const rn_test_grid *output, const rn_test_sums *sums, const rn_test_grid *start,
                        const char *what);

/* Contexts for all of rn_test_settings, made once for a test program. */
typedef struct rn_test_contexts {
    rn_test_setting settings[16];
    rn_context *contexts[16];
    int count;
} rn_test_contexts;

/* The program's; made by a group's set-up, with convolutions by their definition or by what is fastest. */
extern rn_test_contexts rn_test_all;
int rn_test_all_direct(void **state);
int rn_test_all_fastest(void **state);
int rn_test_all_release(void **state);
/* Products of bfloat16 for all of them that can at least emulate those (support/bfloat16.h): of the same bits. */
void rn_test_all_emulate_bfloat16(void);
/* The first setting from `setting` on that has them; the number of settings: none. */
int rn_test_pairs_setting(int setting);

/*
 * Results of one thing under all settings in turn: those of one instruction set, and those of AVX2 and AVX-512, must
 * have the same bits. rn_test_same answers true where the result is new and its numbers are still to be checked.
 */
typedef struct rn_test_agreement {
    rn_test_grid first[3]; /* reference, baseline, both AVX */
} rn_test_agreement;

bool rn_test_same(rn_test_agreement *agreement, const rn_test_contexts *all, int setting, const rn_test_grid *result,
                  const char *what);
void rn_test_agreement_end(rn_test_agreement *agreement);

/* A pass under all settings: the same bits, within the bound of its sums. */
void rn_test_conv_check_forward(const rn_test_conv *test);
void rn_test_conv_check_data(const rn_test_conv *test, bool accumulate);
void rn_test_conv_check_weights(const rn_test_conv *test, bool accumulate);

#endif
