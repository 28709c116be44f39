/* SPDX-License-Identifier: MIT */
/*
 * Depthwise convolutions: each channel by itself, so that there is no matrix to multiply. A pixel is a sum over the few
 * taps of its window, all channels beside each other in vectors; the weights are turned round to (tap, channel) for
 * that. Backward data is the same sum over the pixels of dy whose windows see the pixel, in ascending order of those.
 * Taps in the padding are left out.
 */
#include "ops/conv_algorithm.h"
#include "ops/conv_gather.h"
#include "ops/matrix.h"

enum {
    TAPS_MOST = 128, /* of a window; larger ones are products of matrices */
    RANGE = 64       /* channels of a unit of the gradient of the weights */
};

static bool suits(const rn_context *context, const rn_conv *conv)
{
    (void)context;
    return conv->groups > 1 && conv->in_c == conv->groups && conv->out_c == conv->groups &&
           (int64_t)conv->kernel_h * conv->kernel_w <= TAPS_MOST;
}

static int64_t tap_count(const rn_conv *conv)
{
    return (int64_t)conv->kernel_h * conv->kernel_w;
}

/* turned[tap][c] = weights[c][tap]. */
static void turn_weights(const rn_conv *conv, const float *weights, float *turned)
{
    const int64_t taps = tap_count(conv);

    for (int64_t t = 0; t < taps; t++)
        for (int64_t c = 0; c < conv->in_c; c++)
            turned[t * conv->in_c + c] = weights[c * taps + t];
}

static void pack(const rn_context *context, const rn_conv_plan *plan, const float *weights, float *packed)
{
    (void)context;
    turn_weights(&plan->conv, weights, packed);
}

/* ---- one side of a window ---------------------------------------------------------------------------------------- */

/* The taps [first, first + step, ...] of a window that fall on pixels, and those pixels: at, at + at_step, ... */
typedef struct side_taps {
    int64_t count, first, step, at, at_step;
} side_taps;

/* Of output pixel i over `in` pixels. */
static side_taps forward_side(int64_t i, int64_t in, int64_t kernel, int64_t stride, int64_t padding, int64_t dilation)
{
    const int64_t start = i * stride - padding;
    const int64_t first = start >= 0 ? 0 : rn_divide_up(-start, dilation);
    const int64_t end = start >= in ? 0 : rn_divide_up(in - start, dilation);
    const int64_t last = end < kernel ? end : kernel;

    return (side_taps){ last > first ? last - first : 0, first, 1, start + first * dilation, dilation };
}

/* Output pixel `at` sees input pixel y with tap k where y = at * stride - padding + dilation * k: k falls as `at`
 * rises. */
static side_taps backward_side(int64_t y, int64_t out, int64_t kernel, int64_t stride, int64_t padding,
                               int64_t dilation)
{
    side_taps side = { 0 };
    int64_t before = 0;

    for (int64_t k = kernel - 1; k >= 0; k--) {
        const int64_t place = y + padding - dilation * k;

        if (place < 0 || place % stride != 0 || place / stride >= out)
            continue;
        if (side.count == 0) {
            side.first = k;
            side.at = place / stride;
        } else if (side.count == 1) {
            side.step = k - before;
            side.at_step = place / stride - side.at;
        }
        before = k;
        side.count++;
    }
    return side;
}

/* The taps of a window that spans lines of `line` floats and pixels of `pixel` floats from `base` on. */
static int64_t list_taps(rn_gemm_tap *taps, const rn_conv *conv, const side_taps *h, const side_taps *w,
                         const float *base, int64_t line, int64_t pixel, const float *turned)
{
    int64_t count = 0;

    for (int64_t i = 0; i < h->count; i++)
        for (int64_t j = 0; j < w->count; j++) {
            const int64_t tap = (h->first + i * h->step) * conv->kernel_w + w->first + j * w->step;

            taps[count++] = (rn_gemm_tap){ base + (h->at + i * h->at_step) * line + (w->at + j * w->at_step) * pixel,
                                           turned + tap * conv->in_c };
        }
    return count;
}

/* ---- forward and backward data ----------------------------------------------------------------------------------- */

typedef struct pixel_pass {
    const rn_gemm_kernels *gemm;
    const rn_row_kernels *rows;
    const rn_conv *conv;
    const rn_map *from, *to; /* x and y, or dy and dx */
    const float *turned;
    rn_conv_epilogue epilogue;
    bool backward, accumulate;
    float *threads;
    int64_t thread_floats;
} pixel_pass;

static int64_t pixel_floats(const rn_conv *conv)
{
    return rn_round_up(conv->in_c, RN_FLOATS_A_LINE);
}

static void write_pixel(const pixel_pass *pass, float *sums, int64_t row)
{
    const rn_conv_epilogue *const e = &pass->epilogue;
    const rn_row_combine finish = { .a = { sums, pass->to->c },
                                    .ka = e->scale,
                                    .c = e->shift,
                                    .other = rn_matrix_from(e->residual, row),
                                    .out = rn_matrix_from(pass->to, row),
                                    .relu = e->relu };

    pass->rows->combine(1, pass->to->c, &finish);
}

/* Units are lines of `to`. */
static void run_lines(void *payload, int64_t begin, int64_t end, int32_t thread)
{
    const pixel_pass *const pass = payload;
    const rn_conv *const conv = pass->conv;
    const rn_map *const from = pass->from, *const to = pass->to;
    float *const sums = pass->threads + thread * pass->thread_floats;
    side_taps (*const side)(int64_t, int64_t, int64_t, int64_t, int64_t, int64_t) =
        pass->backward ? backward_side : forward_side;
    rn_gemm_tap taps[TAPS_MOST];

    for (int64_t line = begin; line < end; line++) {
        const float *const image = from->data + line / to->h * from->h * from->w * from->pitch;
        const side_taps h =
            side(line % to->h, from->h, conv->kernel_h, conv->stride_h, conv->padding_h, conv->dilation);

        for (int64_t j = 0; j < to->w; j++) {
            const side_taps w = side(j, from->w, conv->kernel_w, conv->stride_w, conv->padding_w, conv->dilation);
            const int64_t count =
                list_taps(taps, conv, &h, &w, image, from->w * from->pitch, from->pitch, pass->turned);

            if (count == 0 && pass->accumulate)
                continue; /* nothing to add */
            pass->gemm->floats->multiply_taps(count, taps, to->c, sums);
            write_pixel(pass, sums, line * to->w + j);
        }
    }
}

static void forward(const rn_context *context, const rn_conv_plan *plan, const rn_map *x, const float *packed,
                    const rn_conv_epilogue *epilogue, const rn_map *y, void *workspace)
{
    pixel_pass pass = { .gemm = context->kernels->gemm,
                        .rows = context->kernels->rows,
                        .conv = &plan->conv,
                        .from = x,
                        .to = y,
                        .turned = packed,
                        .epilogue = *epilogue,
                        .threads = workspace,
                        .thread_floats = pixel_floats(&plan->conv) };

    rn_parallel(&context->pool, y->n * y->h, run_lines, &pass);
}

static int64_t turned_floats(const rn_conv *conv)
{
    return rn_round_up(tap_count(conv) * conv->in_c, RN_FLOATS_A_LINE);
}

static void backward_data(const rn_context *context, const rn_conv_plan *plan, const rn_map *dy, const float *weights,
                          const rn_map *dx, bool accumulate, void *workspace)
{
    float *const turned = workspace;
    pixel_pass pass = { .gemm = context->kernels->gemm,
                        .rows = context->kernels->rows,
                        .conv = &plan->conv,
                        .from = dy,
                        .to = dx,
                        .turned = turned,
                        .epilogue = { .residual = accumulate ? dx : NULL },
                        .backward = true,
                        .accumulate = accumulate,
                        .threads = turned + turned_floats(&plan->conv),
                        .thread_floats = pixel_floats(&plan->conv) };

    turn_weights(&plan->conv, weights, turned);
    rn_parallel(&context->pool, dx->n * dx->h, run_lines, &pass);
}

/* ---- gradient of the weights: dw[c][tap] = sum over pixels m of dy[m][c] x[m, tap][c] ---------------------------- */

typedef struct weight_pass {
    const rn_gemm_kernels *gemm;
    const rn_conv *conv;
    const rn_map *x, *dy;
    float *dw, *partials, *threads;
    int64_t chunks, ranges;
    bool accumulate;
} weight_pass;

/* Pixels [begin, end) of channels [channel, channel + channels) into sums[tap][RANGE]. */
static void sum_pixels(const weight_pass *pass, int64_t begin, int64_t end, int64_t channel, int64_t channels,
                       float *sums)
{
    const rn_conv *const conv = pass->conv;
    const rn_map *const x = pass->x, *const dy = pass->dy;

    for (int64_t m = begin; m < end; m++) {
        const int64_t line = m / dy->w, image = line / dy->h;
        const side_taps h =
            forward_side(line % dy->h, x->h, conv->kernel_h, conv->stride_h, conv->padding_h, conv->dilation);
        const side_taps w =
            forward_side(m % dy->w, x->w, conv->kernel_w, conv->stride_w, conv->padding_w, conv->dilation);
        const float *const from = x->data + image * x->h * x->w * x->pitch + channel;

        for (int64_t i = 0; i < h.count; i++)
            for (int64_t j = 0; j < w.count; j++)
                pass->gemm->floats->add_products(channels, dy->data + m * dy->pitch + channel,
                                                 from +
                                                     ((h.at + i * h.at_step) * x->w + w.at + j * w.at_step) * x->pitch,
                                                 sums + ((h.first + i) * conv->kernel_w + w.first + j) * RANGE);
    }
}

/* Units are a chunk of pixels and a range of channels. */
static void run_weight_units(void *payload, int64_t begin, int64_t end, int32_t thread)
{
    const weight_pass *const pass = payload;
    const int64_t taps = tap_count(pass->conv), all = rn_map_rows(pass->dy);
    float *const sums = pass->threads + thread * taps * RANGE;

    for (int64_t unit = begin; unit < end; unit++) {
        const int64_t chunk = unit / pass->ranges, channel = unit % pass->ranges * RANGE;
        const int64_t rest = pass->conv->in_c - channel, channels = rest < RANGE ? rest : RANGE;
        const int64_t first = all / pass->chunks * chunk + (chunk < all % pass->chunks ? chunk : all % pass->chunks);
        const int64_t last = first + all / pass->chunks + (chunk < all % pass->chunks);
        float *const target =
            (pass->chunks > 1 ? pass->partials + chunk * pass->conv->in_c * taps : pass->dw) + channel * taps;
        const bool continues = pass->chunks == 1 && pass->accumulate;

        for (int64_t t = 0; t < taps; t++)
            for (int64_t c = 0; c < RANGE; c++)
                sums[t * RANGE + c] = continues && c < channels ? target[c * taps + t] : 0;
        sum_pixels(pass, first, last, channel, channels, sums);
        for (int64_t c = 0; c < channels; c++)
            for (int64_t t = 0; t < taps; t++)
                target[c * taps + t] = sums[t * RANGE + c];
    }
}

static int64_t partial_floats(const rn_conv_plan *plan)
{
    const int64_t chunks = rn_weight_chunks(&plan->conv, plan->batch);

    return chunks > 1 ? rn_round_up(chunks * plan->conv.in_c * tap_count(&plan->conv), RN_FLOATS_A_LINE) : 0;
}

static void backward_weights(const rn_context *context, const rn_conv_plan *plan, const rn_map *x, const rn_map *dy,
                             float *dw, bool accumulate, void *workspace)
{
    const rn_conv *const conv = &plan->conv;
    weight_pass pass = { .gemm = context->kernels->gemm,
                         .conv = conv,
                         .x = x,
                         .dy = dy,
                         .dw = dw,
                         .partials = workspace,
                         .threads = (float *)workspace + partial_floats(plan),
                         .chunks = rn_weight_chunks(conv, plan->batch),
                         .ranges = rn_divide_up(conv->in_c, RANGE),
                         .accumulate = accumulate };

    rn_parallel(&context->pool, pass.chunks * pass.ranges, run_weight_units, &pass);
    if (pass.chunks > 1)
        rn_add_weight_chunks(context, pass.partials, pass.chunks, conv->in_c * tap_count(conv), dw, accumulate);
}

/* ---- the algorithm ----------------------------------------------------------------------------------------------- */

static void plan_passes(rn_conv_plan *plan, const rn_context *context)
{
    const rn_conv *const conv = &plan->conv;
    const size_t threads = (size_t)context->pool.threads;

    plan->packed_count = tap_count(conv) * conv->in_c;
    plan->forward_bytes = threads * (size_t)pixel_floats(conv) * sizeof(float);
    plan->data_bytes = (size_t)turned_floats(conv) * sizeof(float) + plan->forward_bytes;
    plan->weights_bytes = ((size_t)partial_floats(plan) + threads * (size_t)tap_count(conv) * RANGE) * sizeof(float);
}

const rn_conv_algorithm rn_conv_depthwise = {
    "depthwise", suits, plan_passes, pack, forward, backward_data, backward_weights,
};
