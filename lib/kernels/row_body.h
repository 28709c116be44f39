/* SPDX-License-Identifier: MIT */
/*
 * The row kernels, written once. A file that includes this says RN_LANES (floats of a vector) and RN_ROW_TABLE (the
 * name of the table), RN_HALVES if maps are of bfloat16 numbers (row_vector.h), and is compiled with the flags of its
 * instruction set and without contraction. Channels that do not fill a vector go through the same expressions as single
 * floats.
 */
#include "kernels/row_combine.h"
#include "kernels/row_pool.h"
#include "kernels/row_sums.h"
#if !defined(RN_HALVES)
#include "kernels/row_update.h"
#endif

const rn_row_kernels RN_ROW_TABLE = {
    .combine = combine,
    .moments = moments,
    .gradient_sums = gradient_sums,
    .column_sums = column_sums,
    .max_window = max_window,
    .mean_window = mean_window,
    .max_gather = max_gather,
    .mean_gather = mean_gather,
#if defined(RN_HALVES)
    .finish = finish,
#else
    .finish = combine,
    .adam = adam,
    .sgd = sgd,
#endif
};
