/* SPDX-License-Identifier: MIT */
/* Sums, copies and masks: rows split over the threads, each element by itself. */
#include "ops/pointwise.h"

#include "ops/matrix.h"

typedef struct sum_job {
    const rn_row_kernels *kernels;
    const rn_map *a, *b, *y;
    bool relu;
} sum_job;

static void sum_rows(void *payload, int64_t begin, int64_t end, int32_t thread)
{
    const sum_job *const job = payload;

    (void)thread;
    job->kernels->sum(end - begin, job->y->c, rn_matrix_from(job->a, begin), rn_matrix_from(job->b, begin), job->relu,
                      rn_matrix_from(job->y, begin));
}

void rn_add_forward(const rn_context *context, const rn_map *a, const rn_map *b, bool relu, const rn_map *y)
{
    sum_job job = { context->kernels->rows, a, b, y, relu };

    rn_parallel(&context->pool, rn_map_rows(y), sum_rows, &job);
}

void rn_add_into(const rn_context *context, const rn_map *target, const rn_map *source)
{
    rn_add_forward(context, target, source, false, target);
}

static void mask_rows(void *payload, int64_t begin, int64_t end, int32_t thread)
{
    const sum_job *const job = payload;

    (void)thread;
    job->kernels->mask(end - begin, job->y->c, rn_matrix_from(job->y, begin), rn_matrix_from(job->a, begin));
}

void rn_relu_mask(const rn_context *context, const rn_map *g, const rn_map *z)
{
    sum_job job = { context->kernels->rows, z, NULL, g, false };

    rn_parallel(&context->pool, rn_map_rows(g), mask_rows, &job);
}
