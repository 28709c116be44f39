/* SPDX-License-Identifier: MIT */
/*
 * Each distinct convolution of resnet18 and resnet50 at 224 x 224: forward, backward data and backward weights, in
 * GFLOP/s and as a share of the peak that the multiply kernel reaches on operands in the first-level cache in this run,
 * with the error of sampled outputs against sums in double.
 *
 * usage: bench_conv [BATCH [THREADS [LAYER]]]        the best of 15 calls after 2 warm-ups: the machine may be shared
 */
#define _POSIX_C_SOURCE 200809L
#include "context/context.h"
#include "ops/conv.h"
#include "support/support.h"

#include <time.h>

enum { RUNS = 15, SAMPLES = 50 };

typedef struct layer {
    int64_t size, in, out;
    int32_t kernel, stride;
} layer;

static const layer layers[] = {
    { 224, 3, 64, 7, 2 },   { 56, 64, 64, 3, 1 },   { 56, 64, 128, 3, 2 },   { 28, 128, 128, 3, 1 },
    { 28, 128, 256, 3, 2 }, { 14, 256, 256, 3, 1 }, { 14, 256, 512, 3, 2 },  { 7, 512, 512, 3, 1 },
    { 56, 64, 128, 1, 2 },  { 56, 64, 64, 1, 1 },   { 56, 64, 256, 1, 1 },   { 56, 256, 64, 1, 1 },
    { 28, 512, 128, 1, 1 }, { 28, 128, 512, 1, 1 }, { 14, 1024, 256, 1, 1 }, { 14, 256, 1024, 1, 1 },
    { 7, 2048, 512, 1, 1 }, { 7, 512, 2048, 1, 1 },
};

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int ascending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static void multiply_often(void *payload, int64_t begin, int64_t end, int32_t thread)
{
    const rn_gemm_kernels *const gemm = payload;
    enum { DEPTH = 256 };
    static _Alignas(64) float a[64 * DEPTH], b[64 * DEPTH];
    _Alignas(64) float c[32 * 64];
    const rn_gemm_rows rows = { a, gemm->unit, gemm->unit, (int64_t)gemm->mr * gemm->unit };

    (void)thread;
    for (int64_t i = begin; i < end; i++)
        for (int j = 0; j < 2000; j++)
            gemm->multiply(gemm->mr, DEPTH, &rows, b, c, gemm->nr, j > 0);
}

static double measure_peak(const rn_context *context)
{
    double best = 0;

    for (int run = 0; run < RUNS; run++) {
        const double start = now();

        rn_parallel(&context->pool, context->pool.threads, multiply_often, (void *)context->kernels->gemm);
        best = fmax(best, 2e-9 * context->kernels->gemm->mr * context->kernels->gemm->nr * 256 * 2000 *
                              context->pool.threads / (now() - start));
    }
    return best;
}

static float *filled(size_t count, uint32_t seed)
{
    float *const values = aligned_alloc(64, (count * sizeof *values + 4095) / 64 * 64);

    rn_test_fill(values, count, seed);
    return values;
}

/* Largest error of sampled outputs over the largest sampled value. */
static double forward_error(const rn_conv *conv, const rn_map *x, const float *weights, const rn_map *y)
{
    double error = 0, largest = 1e-30;

    for (int s = 0; s < SAMPLES; s++) {
        const int64_t n = s % y->n, i = s * 31 % y->h, j = s * 17 % y->w, o = s * 13 % y->c;
        double sum = 0;

        for (int64_t k = 0; k < conv->kernel_h; k++)
            for (int64_t l = 0; l < conv->kernel_w; l++) {
                const int64_t h = i * conv->stride_h - conv->padding_h + k,
                              w = j * conv->stride_w - conv->padding_w + l;

                for (int64_t c = 0; c < x->c && h >= 0 && h < x->h && w >= 0 && w < x->w; c++)
                    sum += (double)x->data[((n * x->h + h) * x->w + w) * x->pitch + c] *
                           (double)weights[((o * conv->kernel_h + k) * conv->kernel_w + l) * x->c + c];
            }
        error = fmax(error, fabs(sum - (double)y->data[((n * y->h + i) * y->w + j) * y->pitch + o]));
        largest = fmax(largest, fabs(sum));
    }
    return error / largest;
}

static void bench_layer(const rn_context *context, const layer *l, int64_t batch, double peak)
{
    const int64_t out = (l->size + 2 * (l->kernel / 2) - l->kernel) / l->stride + 1;
    const rn_conv conv = { l->size,   l->size,   l->in,     out,           out,           l->out, l->kernel,
                           l->kernel, l->stride, l->stride, l->kernel / 2, l->kernel / 2, 1,      1 };
    rn_map x = { NULL, batch, l->size, l->size, l->in, l->in }, y = { NULL, batch, out, out, l->out, l->out };
    const size_t weight_count = (size_t)(l->out * l->kernel * l->kernel * l->in);
    float *const weights = filled(weight_count, 1), *const gradient = filled(weight_count, 1);
    const rn_conv_plan plan = rn_conv_plan_for(context, &conv, batch, false);
    float *const packed = filled((size_t)plan.packed_count, 2);
    const rn_conv_epilogue epilogue = { NULL, NULL, NULL, false };
    const double work = 2e-9 * (double)rn_map_rows(&y) * (double)weight_count;
    size_t nbytes = plan.forward_bytes > plan.data_bytes ? plan.forward_bytes : plan.data_bytes;
    double times[3][RUNS], error = 0;
    void *workspace;

    nbytes = plan.weights_bytes > nbytes ? plan.weights_bytes : nbytes;
    workspace = filled(nbytes / sizeof(float) + 16, 3);
    x.data = filled((size_t)(rn_map_rows(&x) * x.c), 4);
    y.data = filled((size_t)(rn_map_rows(&y) * y.c), 5);
    for (int run = -2; run < RUNS; run++) {
        double start = now();

        rn_conv_pack(context, &plan, weights, packed);
        rn_conv_forward(context, &plan, &x, packed, &epilogue, &y, workspace);
        times[0][run < 0 ? 0 : run] = now() - start;
        error = run == 0 ? forward_error(&conv, &x, weights, &y) : error;
        start = now();
        rn_conv_backward_weights(context, &plan, &x, &y, gradient, false, workspace);
        times[2][run < 0 ? 0 : run] = now() - start;
        start = now();
        rn_conv_backward_data(context, &plan, &y, weights, &x, false, workspace);
        times[1][run < 0 ? 0 : run] = now() - start;
        rn_test_fill(x.data, 1024, 4);
    }
    printf("%3lld %4lld -> %4lld  %dx%d/%d ", (long long)l->size, (long long)l->in, (long long)l->out, (int)l->kernel,
           (int)l->kernel, (int)l->stride);
    for (int pass = 0; pass < 3; pass++) {
        qsort(times[pass], RUNS, sizeof(double), ascending);
        printf("  %7.3f ms %5.0f %3.0f%%", times[pass][0] * 1e3, work / times[pass][0],
               100 * work / times[pass][0] / peak);
    }
    printf("   error %.1e\n", error);
    fflush(stdout);
    free(x.data), free(y.data), free(workspace), free(weights), free(gradient), free(packed);
}

int main(int argc, char **argv)
{
    const int64_t batch = argc > 1 ? atoi(argv[1]) : 8;
    rn_context *const context = rn_test_context(argc > 2 ? atoi(argv[2]) : 0, RN_ISA_AUTO);
    const double peak = measure_peak(context);

    printf("%s, %d threads, batch %lld, peak %.0f GFLOP/s\nlayer                    forward                backward "
           "data          backward weights\n",
           rn_isa_name(rn_context_isa(context)), (int)rn_context_threads(context), (long long)batch, peak);
    for (size_t i = 0; i < sizeof layers / sizeof *layers; i++)
        if (argc <= 3 || i == (size_t)atoi(argv[3]))
            bench_layer(context, &layers[i], batch, peak);
    rn_context_destroy(context);
    return 0;
}
