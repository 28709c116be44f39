/* SPDX-License-Identifier: MIT */
/*
 * Dropout. Element q of the map, counted in PyTorch's order (n, c, h, w), is dropped if word q of the random numbers of
 * (seed, dropout, step, layer), as a uniform number of 24 bits, is below p. Philox computes any word by itself, so no
 * mask is stored, neither threads nor the order in memory change a draw, and backward is the same call.
 * https://pytorch.org/docs/stable/generated/torch.nn.Dropout.html
 */
#include "ops/pointwise.h"

#include "base/random.h"

#include <math.h>

typedef struct dropout_job {
    const rn_map *x, *y;
    rn_random random;
    uint32_t threshold; /* of 2^24: drawn values below it are dropped */
    float scale;
} dropout_job;

/* Four words of the stream: block b has words 4 b to 4 b + 3. */
static void draw_block(uint32_t words[4], const rn_random *random, uint64_t block)
{
    const uint32_t counter[4] = { (uint32_t)block, random->counter[1] + (uint32_t)(block >> 32), random->counter[2],
                                  random->counter[3] };

    rn_philox(words, counter, random->key);
}

/*
 * Units are planes of h x w elements, number n * channels + c; in PyTorch's order they follow each other without gaps.
 */
static void drop_planes(void *payload, int64_t begin, int64_t end, int32_t thread)
{
    const dropout_job *const job = payload;
    const int64_t size = job->x->h * job->x->w;
    uint64_t place = (uint64_t)begin * (uint64_t)size;
    uint32_t words[4];

    (void)thread;
    draw_block(words, &job->random, place / 4);
    for (int64_t plane = begin; plane < end; plane++) {
        const int64_t n = plane / job->x->c, c = plane % job->x->c;
        const float *const from = job->x->data + n * size * job->x->pitch + c;
        float *const to = job->y->data + n * size * job->y->pitch + c;

        for (int64_t p = 0; p < size; p++, place++) {
            if (place % 4 == 0)
                draw_block(words, &job->random, place / 4);
            to[p * job->y->pitch] = words[place % 4] >> 8 < job->threshold ? 0 : from[p * job->x->pitch] * job->scale;
        }
    }
}

void rn_dropout_apply(const rn_context *context, const rn_dropout_draw *draw, const rn_map *x, const rn_map *y)
{
    const double p = draw->probability < 0 ? 0 : draw->probability > 1 ? 1 : draw->probability;
    dropout_job job = {
        .x = x,
        .y = y,
        .random = rn_random_at(draw->seed, RN_STREAM_DROPOUT, draw->step, draw->layer),
        .threshold = (uint32_t)ceil(p * 0x1p24),
        .scale = p < 1 ? (float)(1 / (1 - p)) : 0,
    };

    rn_parallel(&context->pool, x->n * x->c, drop_planes, &job);
}
