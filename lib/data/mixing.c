/* SPDX-License-Identifier: MIT */
/*
 * MixUp and CutMix, as torchvision/transforms/v2/_augment.py has them.
 *
 * Beta(a, a) is X / (X + Y) of two Gamma(a) variates, each by Marsaglia and Tsang, "A Simple Method for Generating
 * Gamma Variables", 2000; for a < 1 that of a + 1 times U^(1/a). Logarithms of them are kept, since a small a makes
 * both of them underflow.
 */
#include "data/mixing.h"

#include "base/options.h"
#include "base/random.h"
#include "tensor/tensor.h"
#include <math.h>
#include <string.h>

RN_NO_TAIL_PADDING(rn_mixture, y2);
RN_NO_TAIL_PADDING(rn_mix_options, seed);

/* ---- draws ------------------------------------------------------------------------------------------------------- */

/* In (0, 1], so that its logarithm is finite. */
static double uniform(rn_random *random)
{
    return 1 - rn_random_uniform(random);
}

static double log_gamma_variate(rn_random *random, double alpha)
{
    const double d = (alpha < 1 ? alpha + 1 : alpha) - 1.0 / 3, c = 1 / sqrt(9 * d);
    const double small = alpha < 1 ? log(uniform(random)) / alpha : 0;

    for (;;) {
        const double x = rn_random_normal(random), v = pow(1 + c * x, 3);

        if (v > 0 && log(uniform(random)) < x * x / 2 + d - d * v + d * log(v))
            return log(d * v) + small;
    }
}

static double beta_variate(rn_random *random, double alpha)
{
    const double x = log_gamma_variate(random, alpha), y = log_gamma_variate(random, alpha);

    return 1 / (1 + exp(y - x));
}

static int64_t clamp(int64_t value, int64_t most)
{
    return value < 0 ? 0 : value > most ? most : value;
}

void rn_mix_cut(rn_mixture *mix, double lambda, int64_t x, int64_t y, int64_t height, int64_t width)
{
    const double r = 0.5 * sqrt(1 - lambda);
    const int64_t half_w = (int64_t)(r * (double)width), half_h = (int64_t)(r * (double)height);

    mix->x1 = (int32_t)clamp(x - half_w, width);
    mix->x2 = (int32_t)clamp(x + half_w, width);
    mix->y1 = (int32_t)clamp(y - half_h, height);
    mix->y2 = (int32_t)clamp(y + half_h, height);
    mix->lambda = 1 - (double)((int64_t)(mix->x2 - mix->x1) * (mix->y2 - mix->y1)) / (double)(width * height);
}

rn_status rn_mix_draw(rn_mixture *mix, rn_context *context, uint64_t epoch, uint64_t batch, int64_t height,
                      int64_t width, const rn_mix_options *options)
{
    enum { MAX_SIDE = 1 << 20 };
    rn_mixture drawn = { 0 };
    rn_mix_options o;
    rn_random random;
    double lambda;
    rn_status status;

    if (context == NULL)
        return rn_fail_null("rn_mix_draw", "context");
    status = rn_options_read(&o, sizeof o, options, &context->message);
    if (status != RN_OK)
        return status;
    if (mix == NULL || mix->struct_size < sizeof mix->struct_size || !(o.mixup >= 0) || !(o.cutmix >= 0) ||
        !isfinite(o.mixup + o.cutmix) || o.mixup + o.cutmix <= 0 || height < 1 || width < 1 || height > MAX_SIDE ||
        width > MAX_SIDE)
        return rn_fail(&context->message, RN_INVALID_ARGUMENT,
                       "no mix of images of %lld x %lld with the alphas %g (MixUp) and %g (CutMix)", (long long)height,
                       (long long)width, o.mixup, o.cutmix);
    random = rn_random_at(o.seed != 0 ? o.seed : context->seed, RN_STREAM_MIX, epoch, batch);
    if (o.mixup > 0 && (o.cutmix <= 0 || rn_random_uniform(&random) < 0.5)) {
        drawn.lambda = beta_variate(&random, o.mixup);
    } else {
        lambda = beta_variate(&random, o.cutmix);
        drawn.x1 = (int32_t)rn_random_below(&random, (uint64_t)width);
        drawn.y1 = (int32_t)rn_random_below(&random, (uint64_t)height);
        rn_mix_cut(&drawn, lambda, drawn.x1, drawn.y1, height, width);
    }
    drawn.struct_size = mix->struct_size;
    memcpy(mix, &drawn, drawn.struct_size < sizeof drawn ? drawn.struct_size : sizeof drawn);
    return RN_OK;
}

/* ---- images ------------------------------------------------------------------------------------------------------ */

/* Copies the mix and checks it, and the first tensor and what is made. */
static rn_status begin(rn_mixture *read, rn_tensor *made, const rn_tensor *from, const rn_mixture *mix,
                       const char *call)
{
    rn_status status;

    if (made == NULL || from == NULL || mix == NULL)
        return rn_fail_null(call, made == NULL ? "result" : from == NULL ? "tensor" : "mix");
    status = rn_options_read(read, sizeof *read, mix, &made->context->message);
    if (status != RN_OK)
        return status;
    if (made == from || !(read->lambda >= 0 && read->lambda <= 1))
        return rn_fail(&made->context->message, RN_INVALID_ARGUMENT, "%s: %s", call,
                       made == from ? "the result is the tensor itself" : "lambda is not in [0, 1]");
    return RN_OK;
}

static bool is_cut(const rn_mixture *mix)
{
    return mix->x2 > mix->x1 && mix->y2 > mix->y1;
}

/* One line of one channel: pointers step by their tensor's stride. */
static void mix_line(float *out, int64_t out_step, const float *own, const float *other, int64_t step, int64_t width,
                     const rn_mixture *mix, bool in_box)
{
    const float mine = (float)mix->lambda, theirs = (float)(1 - mix->lambda);

    if (is_cut(mix)) {
        for (int64_t x = 0; x < width; x++)
            out[x * out_step] = in_box && x >= mix->x1 && x < mix->x2 ? other[x * step] : own[x * step];
    } else {
        for (int64_t x = 0; x < width; x++)
            out[x * out_step] = other[x * step] * theirs + own[x * step] * mine;
    }
}

rn_status rn_mix_images(rn_tensor *mixed, const rn_tensor *images, const rn_mixture *mix)
{
    rn_mixture m;
    rn_status status = begin(&m, mixed, images, mix, "rn_mix_images");

    if (status != RN_OK)
        return status;
    const int64_t *const n = images->shape, *const s = images->strides, *const d = mixed->strides;

    if (images->dtype != RN_FLOAT32 || mixed->dtype != RN_FLOAT32 || images->rank != 4 ||
        !rn_tensor_same_shape(images, mixed) || (is_cut(&m) && (m.x1 < 0 || m.y1 < 0 || m.x2 > n[3] || m.y2 > n[2])))
        return rn_fail(&mixed->context->message, RN_SHAPE,
                       "images are mixed from float32 (N, C, H, W) into another of their shape, with a box inside");
    for (int64_t i = 0; i < n[0] * n[2] * n[1]; i++) {
        const int64_t c = i % n[1], y = i / n[1] % n[2], k = i / n[1] / n[2];
        const int64_t before = k > 0 ? k - 1 : n[0] - 1;
        const float *const line = (const float *)(const void *)images->data + c * s[1] + y * s[2];

        mix_line((float *)(void *)mixed->data + k * d[0] + c * d[1] + y * d[2], d[3], line + k * s[0],
                 line + before * s[0], s[3], n[3], &m, y >= m.y1 && y < m.y2);
    }
    return RN_OK;
}

/* ---- labels ------------------------------------------------------------------------------------------------------ */

static int64_t label_at(const rn_tensor *labels, int64_t n)
{
    return ((const int64_t *)(const void *)labels->data)[n * labels->strides[0]];
}

rn_status rn_mix_labels(rn_tensor *targets, const rn_tensor *labels, const rn_mixture *mix)
{
    rn_mixture m;
    rn_status status = begin(&m, targets, labels, mix, "rn_mix_labels");

    if (status != RN_OK)
        return status;
    if (labels->dtype != RN_INT64 || labels->rank != 1 || targets->dtype != RN_FLOAT32 || targets->rank != 2 ||
        targets->shape[0] != labels->shape[0])
        return rn_fail(&targets->context->message, RN_SHAPE,
                       "labels are mixed from int64 (N) into float32 (N, classes)");
    for (int64_t k = 0; k < labels->shape[0]; k++) {
        const int64_t label = label_at(labels, k);

        if (label < 0 || label >= targets->shape[1])
            return rn_fail(&targets->context->message, RN_INVALID_ARGUMENT,
                           "label %lld of sample %lld: there are %lld classes", (long long)label, (long long)k,
                           (long long)targets->shape[1]);
    }
    for (int64_t k = 0; k < labels->shape[0]; k++) {
        float *const row = (float *)(void *)targets->data + k * targets->strides[0];
        const int64_t own = label_at(labels, k), other = label_at(labels, k > 0 ? k - 1 : labels->shape[0] - 1);

        for (int64_t c = 0; c < targets->shape[1]; c++)
            row[c * targets->strides[1]] = (c == other ? (float)(1 - m.lambda) : 0) + (c == own ? (float)m.lambda : 0);
    }
    return RN_OK;
}
