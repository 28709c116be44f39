/* SPDX-License-Identifier: MIT */
/*
 * Convolutions of a single pixel: linear layers. Each weight is used once for every sample and for nothing else, and
 * the weights, which may take more memory than all the rest of a network (vgg16: 495 of 553 MB), are read once, where
 * they lie, in long runs. The gradient of the weights is conv_weights.c's.
 *
 * Forward   y[n, o] = sum_k w[o, k] x[n, k]: dot products of 16 chains each (kernels/gemm_dots.h), a range of features
 *           and a block of k at a time, so that the samples' part of a block stays in the first-level cache; the chains
 *           are added up in a fixed tree.
 * Backward  dx[n, k] = sum_o dy^T[o, n] w[o, k]: the kernel of the weights' gradient, which sums over rows; a unit of
 *           work is a range of columns k, whose weights pass through the thread's L2 some rows at a time.
 *
 * Reading the weights is what takes the time, so products of bfloat16 pairs gain where less is read: forward with a
 * rounded copy that is kept, half as large as the weights and beside them. Rounding weights that are trained would read
 * all of them in float32 at every step and cost accuracy for nothing; whoever plans for such leaves pairs out
 * (rn_conv_is_linear), and both gradients are of float32 products always.
 */
#include "ops/conv_algorithm.h"
#include "ops/conv_gather.h"
#include "ops/integers.h"
#include "ops/matrix.h"

enum {
    FEATURES = 24,      /* of a unit; so few that small heads are work for all threads */
    SAMPLES = 32,       /* whose chains are kept at once */
    DEPTH = 512,        /* of a block */
    STRETCH_ROWS = 128, /* of weights in L2 at once */
    UNIT_PANELS = 8     /* of columns: a row's piece is long enough for whole pages to pay */
};

/* Floats of `rows` samples of `depth` numbers in panels [depth][nr]; SIZE_MAX if they cannot be counted. */
static size_t panel_floats(const rn_gemm_kernels *gemm, int64_t rows, int64_t depth)
{
    size_t floats;

    return rn_size_multiply(&floats, (size_t)rn_round_up(rows, gemm->nr), (size_t)depth) ? floats : SIZE_MAX;
}

/* Bytes of the sum of both, each aligned; SIZE_MAX if they cannot be counted. */
static size_t bytes_of(size_t floats, size_t more_bytes)
{
    size_t bytes, total;

    return rn_size_multiply(&bytes, floats, sizeof(float)) && rn_size_add(&total, bytes, more_bytes) &&
                   rn_size_add(&total, total, 2 * RN_ALIGNMENT)
               ? total / RN_ALIGNMENT * RN_ALIGNMENT
               : SIZE_MAX;
}

/* ---- forward ----------------------------------------------------------------------------------------------------- */

/* Samples are copied so that those of a power of two of numbers do not fall on one set of the cache. */
static int64_t sample_pitch(int64_t depth)
{
    return rn_round_up(depth, RN_FLOATS_A_LINE) + RN_FLOATS_A_LINE;
}

/* Of a thread: the chains of a range of features, its sums. */
static int64_t range_floats(int64_t batch)
{
    return rn_round_up(FEATURES * rn_least(batch, SAMPLES) * (RN_GEMM_CHAINS + 1), RN_FLOATS_A_LINE);
}

typedef struct forward_pass {
    const rn_context *context;
    const rn_gemm_kernels *gemm;
    const rn_conv *conv;
    int64_t depth, pitch; /* of samples: floats, or pairs */
    const float *weights;
    const rn_map *x, *y;
    const rn_conv_epilogue *epilogue;
    float *samples, *threads;
} forward_pass;

/* A row of `count` numbers as `depth` floats or pairs. */
static void copy_row(const rn_gemm_kernels *gemm, float *to, int64_t depth, const float *from, int64_t count)
{
    if (gemm->pairs != NULL)
        gemm->pairs->neighbours(to, from, count);
    else
        gemm->floats->copy(to, depth, from, count, 1, count);
}

/* Units are samples. */
static void copy_samples(void *payload, int64_t begin, int64_t end, int32_t thread)
{
    const forward_pass *const pass = payload;
    const int64_t in = pass->conv->in_c;

    (void)thread;
    for (int64_t n = begin; n < end; n++)
        copy_row(pass->gemm, pass->samples + n * pass->pitch, pass->depth, pass->x->data + n * pass->x->pitch, in);
}

/* In a fixed tree. */
static float sum_of_chains(const float *chains)
{
    float part[RN_GEMM_CHAINS / 2];

    for (int l = 0; l < RN_GEMM_CHAINS / 2; l++)
        part[l] = chains[l] + chains[l + RN_GEMM_CHAINS / 2];
    for (int half = RN_GEMM_CHAINS / 4; half > 0; half /= 2)
        for (int l = 0; l < half; l++)
            part[l] += part[l + half];
    return part[0];
}

/* `samples` sums of each of `features` features go to y, from sample n and feature o on; sums are [sample][feature]. */
static void write_sums(const forward_pass *pass, int64_t n, int64_t samples, int64_t o, int64_t features, float *sums)
{
    const rn_conv_epilogue *const e = pass->epilogue;
    const rn_row_combine finish = { .a = { sums, features },
                                    .ka = e->scale != NULL ? e->scale + o : NULL,
                                    .c = e->shift != NULL ? e->shift + o : NULL,
                                    .other = e->residual != NULL ? rn_matrix_part(e->residual, n, o)
                                                                 : (rn_matrix){ NULL, 0 },
                                    .out = rn_matrix_part(pass->y, n, o),
                                    .relu = e->relu };

    pass->context->kernels->rows->combine(samples, features, &finish);
}

static void run_range(const forward_pass *pass, int64_t n, int64_t o, float *chains)
{
    const int64_t depth = pass->depth, features = rn_least(FEATURES, pass->conv->out_c - o),
                  samples = rn_least(SAMPLES, pass->x->n - n);
    float *const sums = chains + features * samples * RN_GEMM_CHAINS;

    for (int64_t k = 0; k < depth; k += DEPTH)
        pass->gemm->multiply_dots(features, samples, rn_least(DEPTH, depth - k), pass->weights + o * depth + k, depth,
                                  pass->samples + n * pass->pitch + k, pass->pitch, chains, k > 0);
    for (int64_t i = 0; i < samples; i++)
        for (int64_t f = 0; f < features; f++)
            sums[i * features + f] = sum_of_chains(chains + (f * samples + i) * RN_GEMM_CHAINS);
    write_sums(pass, n, samples, o, features, sums);
}

/* Units are ranges of features, for all samples. */
static void run_ranges(void *payload, int64_t begin, int64_t end, int32_t thread)
{
    const forward_pass *const pass = payload;

    for (int64_t unit = begin; unit < end; unit++)
        for (int64_t n = 0; n < pass->x->n; n += SAMPLES)
            run_range(pass, n, unit * FEATURES, pass->threads + thread * range_floats(pass->x->n));
}

static void forward(const rn_context *context, const rn_conv_plan *plan, const rn_map *x, const float *weights,
                    const rn_conv_epilogue *epilogue, const rn_map *y, void *workspace)
{
    const rn_gemm_kernels *const gemm = plan->forward.gemm;
    const int64_t depth = rn_gemm_channels(gemm, plan->conv.in_c), pitch = sample_pitch(depth);
    float *const samples = workspace;
    forward_pass pass = { context, gemm, &plan->conv, depth, pitch, weights, x, y, epilogue, samples, NULL };

    pass.threads = samples + plan->batch * pitch;
    rn_parallel(&context->pool, x->n, copy_samples, &pass);
    rn_parallel(&context->pool, rn_divide_up(plan->conv.out_c, FEATURES), run_ranges, &pass);
}

/* ---- weights in pairs -------------------------------------------------------------------------------------------- */

typedef struct pack_job {
    const rn_conv_plan *plan;
    const float *weights;
    float *packed;
} pack_job;

/* Units are features. */
static void pack_rows(void *payload, int64_t begin, int64_t end, int32_t thread)
{
    const pack_job *const job = payload;
    const rn_gemm_kernels *const gemm = job->plan->forward.gemm;
    const int64_t in = job->plan->conv.in_c, depth = rn_gemm_channels(gemm, in);

    (void)thread;
    for (int64_t o = begin; o < end; o++)
        copy_row(gemm, job->packed + o * depth, depth, job->weights + o * in, in);
}

static void pack(const rn_context *context, const rn_conv_plan *plan, const float *weights, float *packed)
{
    pack_job job = { plan, weights, packed };

    rn_parallel(&context->pool, plan->conv.out_c, pack_rows, &job);
}

/* Of all rows; INT64_MAX if they cannot be counted. */
static int64_t packed_pairs(const rn_conv *conv, const rn_gemm_kernels *gemm)
{
    size_t count;

    if (!rn_size_multiply(&count, (size_t)conv->out_c, (size_t)rn_gemm_channels(gemm, conv->in_c)) ||
        (uint64_t)count > INT64_MAX)
        return INT64_MAX;
    return (int64_t)count;
}

/* ---- panels of samples ------------------------------------------------------------------------------------------- */

typedef struct panel_job {
    const rn_gemm_kernels *gemm;
    const rn_map *map;
    float *panels;
} panel_job;

/* Units are panels of nr samples: panels[k][n] = map[n][k]. */
static void turn_panels(void *payload, int64_t begin, int64_t end, int32_t thread)
{
    const panel_job *const job = payload;
    const int64_t nr = job->gemm->nr, depth = job->map->c;

    (void)thread;
    for (int64_t panel = begin; panel < end; panel++)
        job->gemm->floats->transpose(job->panels + panel * depth * nr, job->map->data + panel * nr * job->map->pitch,
                                     job->map->pitch, depth, rn_least(nr, job->map->n - panel * nr));
}

static void make_panels(const rn_context *context, const rn_map *map, float *panels)
{
    panel_job job = { context->kernels->gemm, map, panels };

    rn_parallel(&context->pool, rn_divide_up(map->n, job.gemm->nr), turn_panels, &job);
}

/* ---- backward data ----------------------------------------------------------------------------------------------- */

/* Of a thread: a stretch of weights, and its tiles of dx. */
static size_t thread_floats(const rn_gemm_kernels *gemm, int64_t batch)
{
    return (size_t)UNIT_PANELS * (size_t)gemm->nr * ((size_t)STRETCH_ROWS + (size_t)batch);
}

typedef struct data_pass {
    const rn_gemm_kernels *gemm;
    const rn_row_kernels *rows;
    const rn_conv *conv;
    const float *weights, *gradients; /* dy in panels of samples */
    const rn_map *dx;
    bool accumulate;
    float *threads;
} data_pass;

/* Adds what rows [o, o + rows) of one panel of weights say to a tile of all samples. */
static void multiply_panel(const data_pass *pass, const float *panel, int64_t o, int64_t rows, float *tile)
{
    const int64_t nr = pass->gemm->nr, mr = pass->gemm->mr, batch = pass->dx->n, outs = pass->conv->out_c;

    for (int64_t group = 0; group < batch; group += nr) {
        const float *const gradients = pass->gradients + group * outs + o * nr;
        const int64_t samples = rn_least(nr, batch - group);

        for (int64_t n = 0; n < samples; n += mr)
            pass->gemm->multiply_weights(rn_least(mr, samples - n), rows, gradients + n, nr, panel,
                                         tile + (group + n) * nr, nr, o > 0);
    }
}

static void write_tile(const data_pass *pass, float *tile, int64_t k)
{
    const rn_map *const dx = pass->dx;
    const rn_matrix out = rn_matrix_part(dx, 0, k);
    const rn_row_combine finish = { .a = { tile, pass->gemm->nr },
                                    .other = pass->accumulate ? out : (rn_matrix){ NULL, 0 },
                                    .out = out };

    pass->rows->combine(dx->n, rn_least(pass->gemm->nr, dx->c - k), &finish);
}

/* Units are UNIT_PANELS panels of nr columns. */
static void run_columns(void *payload, int64_t begin, int64_t end, int32_t thread)
{
    const data_pass *const pass = payload;
    const rn_gemm_kernels *const gemm = pass->gemm;
    const int64_t nr = gemm->nr, in = pass->conv->in_c, outs = pass->conv->out_c, batch = pass->dx->n;
    float *const weights = pass->threads + (size_t)thread * thread_floats(gemm, batch);
    float *const tiles = weights + UNIT_PANELS * STRETCH_ROWS * nr;

    for (int64_t unit = begin; unit < end; unit++) {
        const int64_t first = unit * UNIT_PANELS * nr, panels = rn_least(UNIT_PANELS, rn_divide_up(in - first, nr));

        for (int64_t o = 0; o < outs; o += STRETCH_ROWS) {
            const int64_t rows = rn_least(STRETCH_ROWS, outs - o);

            for (int64_t p = 0; p < panels; p++) {
                float *const panel = weights + p * STRETCH_ROWS * nr;

                gemm->floats->copy(panel, nr, pass->weights + o * in + first + p * nr, in, rows,
                                   rn_least(nr, in - first - p * nr));
                multiply_panel(pass, panel, o, rows, tiles + p * batch * nr);
            }
        }
        for (int64_t p = 0; p < panels; p++)
            write_tile(pass, tiles + p * batch * nr, first + p * nr);
    }
}

static void backward_data(const rn_context *context, const rn_conv_plan *plan, const rn_map *dy, const float *weights,
                          const rn_map *dx, bool accumulate, void *workspace)
{
    const rn_gemm_kernels *const gemm = context->kernels->gemm;
    const rn_conv *const conv = &plan->conv;
    float *const gradients = workspace;
    data_pass pass = { gemm, context->kernels->rows, conv, weights, gradients, dx, accumulate, NULL };

    pass.threads = gradients + rn_round_up((int64_t)panel_floats(gemm, dy->n, conv->out_c), RN_FLOATS_A_LINE);
    make_panels(context, dy, gradients);
    rn_parallel(&context->pool, rn_divide_up(conv->in_c, UNIT_PANELS * gemm->nr), run_columns, &pass);
}

/* ---- the algorithm ----------------------------------------------------------------------------------------------- */

bool rn_conv_is_linear(const rn_conv *conv)
{
    return conv->in_h == 1 && conv->in_w == 1 && conv->out_h == 1 && conv->out_w == 1 && conv->kernel_h == 1 &&
           conv->kernel_w == 1 && conv->padding_h == 0 && conv->padding_w == 0 && conv->groups == 1;
}

static bool suits(const rn_context *context, const rn_conv *conv)
{
    (void)context;
    return rn_conv_is_linear(conv);
}

/* SIZE_MAX if they cannot be counted. */
static size_t sample_bytes(int64_t depth, int64_t batch)
{
    size_t floats, bytes;

    return rn_size_multiply(&floats, (size_t)sample_pitch(depth), (size_t)batch) &&
                   rn_size_multiply(&bytes, floats, sizeof(float))
               ? bytes
               : SIZE_MAX;
}

static void plan_passes(rn_conv_plan *plan, const rn_context *context)
{
    const rn_gemm_kernels *const gemm = context->kernels->gemm;
    const rn_conv *const conv = &plan->conv;

    rn_gemm_plan_weights(plan, context); /* of floats, as forward is not of pairs yet */
    plan->forward.gemm = plan->wants_pairs ? context->pairs : gemm;
    plan->packed_count = plan->wants_pairs ? packed_pairs(conv, context->pairs) : 0;
    plan->forward_bytes = bytes_of((size_t)context->pool.threads * (size_t)range_floats(plan->batch),
                                   sample_bytes(rn_gemm_channels(plan->forward.gemm, conv->in_c), plan->batch));
    plan->data_bytes = bytes_of(panel_floats(gemm, plan->batch, conv->out_c),
                                (size_t)context->pool.threads * thread_floats(gemm, plan->batch) * sizeof(float));
}

const rn_conv_algorithm rn_conv_linear = {
    "linear", suits, plan_passes, pack, forward, backward_data, rn_gemm_backward_weights,
};
