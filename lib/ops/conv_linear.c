/* SPDX-License-Identifier: MIT */
/*
 * Convolutions of a single pixel: linear layers. Each weight is used once for every sample and for nothing else, so what
 * is packed are the samples, and the weights, which may take more memory than all the rest of a network (vgg16: 495 of
 * 553 MB), are read where they lie and never copied as a whole. Sums have the same chains as those of any other
 * convolution, and so the same bits. The gradient of the weights is conv_weights.c's.
 *
 * Forward   y^T[o, n] = sum_k w[o, k] x^T[k, n]: the product engine with the weights as its map, of one pixel an output
 *           feature, and the samples as its packed weights; then y^T is turned round, with the epilogue.
 * Backward  dx[n, k] = sum_o dy^T[o, n] w[o, k]: the kernel of the weights' gradient, which sums over rows; a unit of
 *           work is a range of columns k, whose weights pass through the thread's L2 some rows at a time.
 */
#include "ops/conv_algorithm.h"
#include "ops/conv_product.h"
#include "ops/matrix.h"

enum {
    STRETCH_ROWS = 128, /* of weights in L2 at once */
    UNIT_PANELS = 8,    /* of columns: a row's piece is long enough for whole pages to pay */
    FLOATS_A_LINE = RN_ALIGNMENT / sizeof(float)
};

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

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

/* ---- panels of samples -------------------------------------------------------------------------------------------- */

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
        job->gemm->transpose(job->panels + panel * depth * nr, job->map->data + panel * nr * job->map->pitch,
                             job->map->pitch, depth, least(nr, job->map->n - panel * nr));
}

static void make_panels(const rn_context *context, const rn_map *map, float *panels)
{
    panel_job job = { context->kernels->gemm, map, panels };

    rn_parallel(&context->pool, rn_divide_up(map->n, job.gemm->nr), turn_panels, &job);
}

/* ---- forward ----------------------------------------------------------------------------------------------------- */

/* The weights as a map of one line, with a pixel for each output feature. */
static rn_gather weights_as_map(const rn_conv *conv, const float *weights)
{
    return (rn_gather){ .data = weights,
                        .pitch = conv->in_c,
                        .channels = conv->in_c,
                        .in_h = 1,
                        .in_w = conv->out_c,
                        .out_h = 1,
                        .out_w = conv->out_c,
                        .window_h = 1,
                        .window_w = 1,
                        .stride_h = 1,
                        .stride_w = 1,
                        .dilation_h = 1,
                        .dilation_w = 1 };
}

static rn_product_shape forward_shape(const rn_conv *conv, int64_t batch)
{
    return (rn_product_shape){ 1, 1, batch, weights_as_map(conv, NULL) };
}

/* A row of y^T. */
static int64_t turned_pitch(int64_t batch)
{
    return rn_round_up(batch, FLOATS_A_LINE);
}

/* Samples in panels, y^T, and a panel of y for each thread, in this order. */
static size_t forward_floats(const rn_context *context, const rn_conv *conv, int64_t batch)
{
    const rn_gemm_kernels *const gemm = context->kernels->gemm;
    const size_t tiles = (size_t)context->pool.threads * (size_t)batch * (size_t)gemm->nr;
    size_t floats = panel_floats(gemm, batch, conv->in_c), turned;

    if (!rn_size_multiply(&turned, (size_t)conv->out_c, (size_t)turned_pitch(batch)) ||
        !rn_size_add(&floats, floats, turned) || !rn_size_add(&floats, floats, tiles + FLOATS_A_LINE))
        return SIZE_MAX;
    return floats / FLOATS_A_LINE * FLOATS_A_LINE;
}

typedef struct forward_pass {
    const rn_gemm_kernels *gemm;
    const rn_row_kernels *rows;
    const rn_conv *conv;
    const float *weights, *samples;
    const rn_conv_epilogue *epilogue;
    const rn_map *y;
    float *turned, *tiles;
} forward_pass;

static void describe_forward(rn_product *product, const void *payload, int64_t index)
{
    const forward_pass *const pass = payload;
    const int64_t pitch = turned_pitch(pass->y->n), all = pitch * pass->conv->out_c;

    (void)index;
    *product = (rn_product){ .gather = weights_as_map(pass->conv, pass->weights),
                             .images = 1,
                             .packed = pass->samples,
                             .columns = pass->y->n,
                             .out = pass->turned,
                             .out_steps = { pitch, all, all } };
}

/* Units are panels of nr output features. */
static void turn_back(void *payload, int64_t begin, int64_t end, int32_t thread)
{
    const forward_pass *const pass = payload;
    const rn_conv_epilogue *const e = pass->epilogue;
    const int64_t nr = pass->gemm->nr, batch = pass->y->n, pitch = turned_pitch(batch);
    float *const tile = pass->tiles + thread * batch * nr;

    for (int64_t panel = begin; panel < end; panel++) {
        const int64_t o = panel * nr, columns = least(nr, pass->conv->out_c - o);
        const rn_row_combine finish = { .a = { tile, nr },
                                        .ka = e->scale != NULL ? e->scale + o : NULL,
                                        .c = e->shift != NULL ? e->shift + o : NULL,
                                        .other = e->residual != NULL ? rn_matrix_part(e->residual, 0, o)
                                                                     : (rn_matrix){ NULL, 0 },
                                        .out = rn_matrix_part(pass->y, 0, o),
                                        .relu = e->relu };

        pass->gemm->transpose(tile, pass->turned + o * pitch, pitch, batch, columns);
        pass->rows->combine(batch, columns, &finish);
    }
}

static void forward(const rn_context *context, const rn_conv_plan *plan, const rn_map *x, const float *weights,
                    const rn_conv_epilogue *epilogue, const rn_map *y, void *workspace)
{
    const rn_gemm_kernels *const gemm = context->kernels->gemm;
    const rn_conv *const conv = &plan->conv;
    float *const samples = workspace, *const turned = samples + panel_floats(gemm, x->n, conv->in_c);
    forward_pass pass = { gemm, context->kernels->rows, conv, weights, samples, epilogue, y, turned, NULL };

    pass.tiles = turned + conv->out_c * turned_pitch(x->n);
    make_panels(context, x, samples);
    rn_product_run(context, &plan->forward, describe_forward, &pass, samples + forward_floats(context, conv, x->n));
    rn_parallel(&context->pool, rn_divide_up(conv->out_c, gemm->nr), turn_back, &pass);
}

/* ---- backward data ------------------------------------------------------------------------------------------------- */

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
        const int64_t samples = least(nr, batch - group);

        for (int64_t n = 0; n < samples; n += mr)
            pass->gemm->multiply_weights(least(mr, samples - n), rows, gradients + n, nr, panel,
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

    pass->rows->combine(dx->n, least(pass->gemm->nr, dx->c - k), &finish);
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
        const int64_t first = unit * UNIT_PANELS * nr, panels = least(UNIT_PANELS, rn_divide_up(in - first, nr));

        for (int64_t o = 0; o < outs; o += STRETCH_ROWS) {
            const int64_t rows = least(STRETCH_ROWS, outs - o);

            for (int64_t p = 0; p < panels; p++) {
                float *const panel = weights + p * STRETCH_ROWS * nr;

                gemm->copy(panel, nr, pass->weights + o * in + first + p * nr, in, rows,
                           least(nr, in - first - p * nr));
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

    pass.threads = gradients + rn_round_up((int64_t)panel_floats(gemm, dy->n, conv->out_c), FLOATS_A_LINE);
    make_panels(context, dy, gradients);
    rn_parallel(&context->pool, rn_divide_up(conv->in_c, UNIT_PANELS * gemm->nr), run_columns, &pass);
}

/* ---- the algorithm ------------------------------------------------------------------------------------------------- */

static bool suits(const rn_context *context, const rn_conv *conv)
{
    (void)context;
    return conv->in_h == 1 && conv->in_w == 1 && conv->out_h == 1 && conv->out_w == 1 && conv->kernel_h == 1 &&
           conv->kernel_w == 1 && conv->padding_h == 0 && conv->padding_w == 0 && conv->groups == 1;
}

static void plan_passes(rn_conv_plan *plan, const rn_context *context)
{
    const rn_gemm_kernels *const gemm = context->kernels->gemm;
    const rn_conv *const conv = &plan->conv;
    const rn_product_shape shape = forward_shape(conv, plan->batch);

    plan->forward = rn_product_blocks_for(context, context->kernels->gemm, &shape);
    plan->forward_bytes =
        bytes_of(forward_floats(context, conv, plan->batch), rn_product_workspace(context, &plan->forward));
    plan->data_bytes = bytes_of(panel_floats(gemm, plan->batch, conv->out_c),
                                (size_t)context->pool.threads * thread_floats(gemm, plan->batch) * sizeof(float));
    rn_gemm_plan_weights(plan, context);
}

const rn_conv_algorithm rn_conv_linear = {
    "linear", suits, plan_passes, NULL, forward, backward_data, rn_gemm_backward_weights,
};
