/* SPDX-License-Identifier: MIT */
/* Rows split over the threads, each element by itself. */
#include "ops/combine.h"

#include "ops/matrix.h"

typedef struct combine_job {
    const rn_row_kernels *kernels;
    const rn_combination *combination;
    const rn_map *out;
} combine_job;

static void combine_rows(void *payload, int64_t begin, int64_t end, int32_t thread)
{
    const combine_job *const job = payload;
    const rn_combination *const c = job->combination;
    const rn_row_combine operands = {
        .a = rn_matrix_from(c->a, begin),
        .b = rn_matrix_from(c->b, begin),
        .other = rn_matrix_from(c->other, begin),
        .mask = rn_matrix_from(c->mask, begin),
        .out = rn_matrix_from(job->out, begin),
        .ka = c->ka,
        .kb = c->kb,
        .mean = c->mean,
        .c = c->c,
        .relu = c->relu,
    };

    (void)thread;
    job->kernels->combine(end - begin, job->out->c, &operands);
}

void rn_combine(const rn_context *context, const rn_combination *combination, const rn_map *out)
{
    combine_job job = { rn_rows_of(context, out), combination, out };

    rn_parallel(&context->pool, rn_map_rows(out), combine_rows, &job);
}
