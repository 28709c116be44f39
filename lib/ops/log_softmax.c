/* SPDX-License-Identifier: MIT */
/*
 * y = x - log sum exp x along channels, with the maximum taken off first; dx = dy - exp(y) sum dy.
 * https://pytorch.org/docs/stable/generated/torch.nn.LogSoftmax.html
 */
#include "ops/pointwise.h"
#include "ops/softmax.h"

#include <math.h>

typedef struct softmax_job {
    const rn_map *x, *y, *dy; /* backward: x is dx */
    bool accumulate;
} softmax_job;

static void normalise_rows(void *payload, int64_t begin, int64_t end, int32_t thread)
{
    const softmax_job *const job = payload;

    (void)thread;
    for (int64_t row = begin; row < end; row++) {
        const float *const x = job->x->data + row * job->x->pitch;
        float *const y = job->y->data + row * job->y->pitch;
        const rn_softmax softmax = rn_softmax_of(x, job->x->c);
        const double logarithm = log(softmax.sum);

        for (int64_t c = 0; c < job->x->c; c++)
            y[c] = (float)((double)x[c] - softmax.largest - logarithm); /* in this order: the maximum may be huge */
    }
}

void rn_log_softmax_forward(const rn_context *context, const rn_map *x, const rn_map *y)
{
    softmax_job job = { .x = x, .y = y };

    rn_parallel(&context->pool, rn_map_rows(x), normalise_rows, &job);
}

static void backward_rows(void *payload, int64_t begin, int64_t end, int32_t thread)
{
    const softmax_job *const job = payload;

    (void)thread;
    for (int64_t row = begin; row < end; row++) {
        const float *const dy = job->dy->data + row * job->dy->pitch, *const y = job->y->data + row * job->y->pitch;
        float *const dx = job->x->data + row * job->x->pitch;
        double sum = 0;

        for (int64_t c = 0; c < job->y->c; c++)
            sum += (double)dy[c];
        for (int64_t c = 0; c < job->y->c; c++) {
            const float value = (float)((double)dy[c] - exp((double)y[c]) * sum);

            dx[c] = job->accumulate ? dx[c] + value : value;
        }
    }
}

void rn_log_softmax_backward(const rn_context *context, const rn_map *dy, const rn_map *y, const rn_map *dx,
                             bool accumulate)
{
    softmax_job job = { .x = dx, .y = y, .dy = dy, .accumulate = accumulate };

    rn_parallel(&context->pool, rn_map_rows(dx), backward_rows, &job);
}
