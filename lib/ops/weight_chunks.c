/* SPDX-License-Identifier: MIT */
/*
 * Gradients of weights are sums over pixels. They are cut into chunks, whose partial sums are added in a fixed binary
 * tree, so that threads have units of work where weights are few, and bits do not depend on the threads.
 */
#include "ops/conv_algorithm.h"
#include "ops/integers.h"

enum {
    CHUNKS_MOST = 16,
    CHUNK_PRODUCT = 65536, /* chunks = this / (in * out): few weights mean few units otherwise */
    CHUNK_ROWS_LEAST = 64,
    UNITS_WANTED = 64 /* of 32 columns each */
};

/* From the layer's shape and the number of pixels alone. */
int64_t rn_weight_chunks(const rn_conv *conv, int64_t batch)
{
    const int64_t in = rn_conv_group_in(conv), depth = (int64_t)conv->kernel_h * conv->kernel_w * in;
    const int64_t by_size = CHUNK_PRODUCT / in / rn_conv_group_out(conv),
                  by_units = UNITS_WANTED / rn_divide_up(depth, 32);

    return rn_most(1, rn_least(rn_least(CHUNKS_MOST, rn_most(by_size, by_units)),
                               batch * conv->out_h * conv->out_w / CHUNK_ROWS_LEAST));
}

typedef struct sum_job {
    const rn_row_kernels *rows;
    float *dw, *partials;
    int64_t chunks, count;
    bool accumulate;
} sum_job;

/* to = (from alone, if `fresh`; else to +) from. */
static void add_range(const rn_row_kernels *rows, float *to, float *from, int64_t count, bool fresh)
{
    const rn_row_combine sum = { .a = { fresh ? from : to, count },
                                 .other = { fresh ? NULL : from, count },
                                 .out = { to, count } };

    rows->combine(1, count, &sum);
}

/* Units are pieces of dw that stay in the cache while the tree is walked. */
enum { PIECE = 2048 };

static void add_chunks(void *payload, int64_t begin, int64_t end, int32_t thread)
{
    const sum_job *const job = payload;

    (void)thread;
    for (int64_t piece = begin; piece < end; piece++) {
        const int64_t at = piece * PIECE, count = rn_least(PIECE, job->count - at);
        float *const first = job->partials + at;

        for (int64_t gap = 1; gap < job->chunks; gap *= 2)
            for (int64_t chunk = 0; chunk + gap < job->chunks; chunk += 2 * gap)
                add_range(job->rows, first + chunk * job->count, first + (chunk + gap) * job->count, count, false);
        add_range(job->rows, job->dw + at, first, count, !job->accumulate);
    }
}

void rn_add_weight_chunks(const rn_context *context, float *partials, int64_t chunks, int64_t count, float *dw,
                          bool accumulate)
{
    sum_job job = { context->kernels->rows, dw, partials, chunks, count, accumulate };

    rn_parallel(&context->pool, rn_divide_up(count, PIECE), add_chunks, &job);
}
