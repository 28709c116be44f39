/* SPDX-License-Identifier: MIT */
/*
 * Convolutions of networks at 224 x 224, a line for each layer, pass, instruction set, precision and number of threads:
 * median and minimum of 15 calls after 2 warm-ups, GFLOP/s (of the sums in the order of the definition, whatever the
 * algorithm), that as a share of the peak which the multiply kernel of float32 reaches on operands in the first-level
 * cache in this run, bytes of the operands a second, and the error of sampled results against sums in double, over
 * their largest.
 *
 * usage: bench_conv [--batch N] [--threads N] [--isa avx512|avx2|...] [--bf16] [--layer I] [--json]
 */
#define _POSIX_C_SOURCE 200809L
#include "context/context.h"
#include "ops/conv_algorithm.h"
#include "support/support.h"

#include <time.h>

#ifndef RN_BENCH_COMMIT
#define RN_BENCH_COMMIT "unknown"
#endif

enum { RUNS = 15, WARM_UPS = 2, SAMPLES = 50 };

typedef struct layer {
    int64_t size, in, out;
    int32_t kernel, stride;
} layer;

static const layer layers[] = {
    { 224, 3, 64, 7, 2 },   { 56, 64, 64, 3, 1 },    { 56, 64, 128, 3, 2 },   { 28, 128, 128, 3, 1 },
    { 28, 128, 256, 3, 2 }, { 14, 256, 256, 3, 1 },  { 14, 256, 512, 3, 2 },  { 7, 512, 512, 3, 1 },
    { 56, 64, 128, 1, 2 },  { 56, 64, 64, 1, 1 },    { 56, 64, 256, 1, 1 },   { 56, 256, 64, 1, 1 },
    { 28, 512, 128, 1, 1 }, { 28, 128, 512, 1, 1 },  { 14, 1024, 256, 1, 1 }, { 14, 256, 1024, 1, 1 },
    { 7, 2048, 512, 1, 1 }, { 7, 512, 2048, 1, 1 },  { 224, 64, 64, 3, 1 },   { 28, 512, 512, 3, 1 },
    { 27, 64, 192, 5, 1 },  { 1, 9216, 4096, 1, 1 }, /* alexnet */
    { 28, 128, 32, 3, 1 },                           /* densenet */
    { 31, 65, 67, 3, 1 },   { 17, 129, 130, 1, 1 },  /* odd sizes */
};

enum { LAYERS = sizeof layers / sizeof layers[0] };

typedef struct settings {
    const char *cpu, *isa;
    int64_t batch;
    int threads, layer, bf16, json;
} settings;

typedef struct operands {
    rn_conv conv;
    rn_conv_plan plan;
    rn_map x, y, dx;
    float *weights, *packed, *dw;
    void *workspace;
} operands;

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

/* ---- the peak ---------------------------------------------------------------------------------------------------- */

enum { PEAK_DEPTH = 256, PEAK_CALLS = 2000 };

static void multiply_often(void *payload, int64_t begin, int64_t end, int32_t thread)
{
    const rn_gemm_kernels *const gemm = payload;
    static _Alignas(64) float a[64 * PEAK_DEPTH], b[64 * PEAK_DEPTH];
    _Alignas(64) float c[32 * 64];
    const rn_gemm_rows rows = { a, gemm->unit, gemm->unit, (int64_t)gemm->mr * gemm->unit };

    (void)thread;
    for (int64_t i = begin; i < end; i++)
        for (int j = 0; j < PEAK_CALLS; j++)
            gemm->multiply(gemm->mr, PEAK_DEPTH, &rows, b, c, gemm->nr, j > 0 ? RN_GEMM_CONTINUE : RN_GEMM_FRESH);
}

/* GFLOP/s */
static double measure_peak(const rn_context *context)
{
    double best = 0;

    for (int run = 0; run < RUNS; run++) {
        const double start = now();

        rn_parallel(&context->pool, context->pool.threads, multiply_often, (void *)context->kernels->gemm);
        best = fmax(best, 2e-9 * context->kernels->gemm->mr * context->kernels->gemm->nr * PEAK_DEPTH * PEAK_CALLS *
                              context->pool.threads / (now() - start));
    }
    return best;
}

/* ---- operands ---------------------------------------------------------------------------------------------------- */

static float *filled(size_t count, uint32_t seed)
{
    float *const values = aligned_alloc(64, (count * sizeof *values + 4095) / 64 * 64);

    assert_non_null(values);
    rn_test_fill(values, count, seed);
    return values;
}

static size_t largest(size_t a, size_t b, size_t c)
{
    return a > b ? (a > c ? a : c) : (b > c ? b : c);
}

static operands make(const rn_context *context, const layer *l, const settings *s)
{
    const int64_t out = (l->size + 2 * (l->kernel / 2) - l->kernel) / l->stride + 1;
    const size_t weights = (size_t)(l->out * l->kernel * l->kernel * l->in);
    operands o = {
        .conv = { l->size, l->size, l->in, out, out, l->out, l->kernel, l->kernel, l->stride, l->stride, l->kernel / 2,
                  l->kernel / 2, 1, 1 },
        .x = { NULL, s->batch, l->size, l->size, l->in, l->in },
        .y = { NULL, s->batch, out, out, l->out, l->out },
    };

    o.plan = rn_conv_plan_for(context, &o.conv, s->batch, s->bf16 != 0);
    o.dx = o.x;
    o.x.data = filled((size_t)(rn_map_rows(&o.x) * o.x.c), 1);
    o.dx.data = filled((size_t)(rn_map_rows(&o.x) * o.x.c), 2);
    o.y.data = filled((size_t)(rn_map_rows(&o.y) * o.y.c), 3);
    o.weights = filled(weights, 4);
    o.dw = filled(weights, 5);
    o.packed = o.plan.packed_count > 0 ? filled((size_t)o.plan.packed_count, 6) : NULL;
    o.workspace =
        filled(largest(o.plan.forward_bytes, o.plan.data_bytes, o.plan.weights_bytes) / sizeof(float) + 16, 7);
    return o;
}

static void release(operands *o)
{
    free(o->x.data), free(o->dx.data), free(o->y.data), free(o->weights), free(o->dw), free(o->packed);
    free(o->workspace);
}

/* ---- errors ------------------------------------------------------------------------------------------------------ */

/* What weight (k, l, in) meets in the window of output pixel (i, j) of image n. */
static double input_at(const operands *o, int64_t n, int64_t i, int64_t j, int64_t k, int64_t l, int64_t in)
{
    const rn_conv *const v = &o->conv;
    const int64_t h = i * v->stride_h - v->padding_h + k, w = j * v->stride_w - v->padding_w + l;

    if (h < 0 || h >= v->in_h || w < 0 || w >= v->in_w)
        return 0;
    return (double)o->x.data[((n * o->x.h + h) * o->x.w + w) * o->x.pitch + in];
}

static int64_t weight_place(const operands *o, int64_t out, int64_t k, int64_t l, int64_t in)
{
    return ((out * o->conv.kernel_h + k) * o->conv.kernel_w + l) * o->x.c + in;
}

/* Largest error of sampled outputs over the largest sampled value. */
static double forward_error(const operands *o)
{
    double error = 0, size = 1e-30;

    for (int s = 0; s < SAMPLES; s++) {
        const int64_t n = s % o->y.n, i = s * 31 % o->y.h, j = s * 17 % o->y.w, out = s * 13 % o->y.c;
        double sum = 0;

        for (int64_t k = 0; k < o->conv.kernel_h; k++)
            for (int64_t l = 0; l < o->conv.kernel_w; l++)
                for (int64_t c = 0; c < o->x.c; c++)
                    sum += input_at(o, n, i, j, k, l, c) * (double)o->weights[weight_place(o, out, k, l, c)];
        error = fmax(error, fabs(sum - (double)o->y.data[((n * o->y.h + i) * o->y.w + j) * o->y.pitch + out]));
        size = fmax(size, fabs(sum));
    }
    return error / size;
}

static double weights_error(const operands *o)
{
    double error = 0, size = 1e-30;

    for (int s = 0; s < SAMPLES; s++) {
        const int64_t out = s * 13 % o->y.c, k = s % o->conv.kernel_h, l = s / 3 % o->conv.kernel_w, c = s * 7 % o->x.c;
        double sum = 0;

        for (int64_t row = 0; row < rn_map_rows(&o->y); row++)
            sum += input_at(o, row / (o->y.h * o->y.w), row / o->y.w % o->y.h, row % o->y.w, k, l, c) *
                   (double)o->y.data[row * o->y.pitch + out];
        error = fmax(error, fabs(sum - (double)o->dw[weight_place(o, out, k, l, c)]));
        size = fmax(size, fabs(sum));
    }
    return error / size;
}

/* The adjoint identity <dy, A x> = <A' dy, x>, which needs forward's sums: y is what forward made. */
static double data_error(const operands *o)
{
    double left = 0, right = 0;

    for (int64_t i = 0; i < rn_map_rows(&o->y) * o->y.c; i++)
        left += (double)o->y.data[i] * (double)o->y.data[i];
    for (int64_t i = 0; i < rn_map_rows(&o->x) * o->x.c; i++)
        right += (double)o->dx.data[i] * (double)o->x.data[i];
    return fabs(left - right) / fabs(left);
}

/* ---- passes ------------------------------------------------------------------------------------------------------ */

static const char *const pass_names[] = { "forward", "data", "weights" };

static void run_pass(const rn_context *context, operands *o, int pass)
{
    static const rn_conv_epilogue plain;

    if (pass == 0) {
        if (o->packed != NULL)
            rn_conv_pack(context, &o->plan, o->weights, o->packed);
        rn_conv_forward(context, &o->plan, &o->x, o->packed != NULL ? o->packed : o->weights, &plain, &o->y,
                        o->workspace);
    } else if (pass == 1) {
        rn_conv_backward_data(context, &o->plan, &o->y, o->weights, &o->dx, false, o->workspace);
    } else {
        rn_conv_backward_weights(context, &o->plan, &o->x, &o->y, o->dw, false, o->workspace);
    }
}

static double error_of(const operands *o, int pass)
{
    return pass == 0 ? forward_error(o) : pass == 1 ? data_error(o) : weights_error(o);
}

static void print_pass(const rn_context *context, const settings *s, const layer *l, const operands *o, int pass,
                       double median, double least, double peak, double error)
{
    const double count = (double)rn_map_rows(&o->y) * (double)(l->out * l->kernel * l->kernel * l->in);
    const double bytes = 4.0 * ((double)(rn_map_rows(&o->x) * o->x.c) + (double)(rn_map_rows(&o->y) * o->y.c) +
                                (double)(l->out * l->kernel * l->kernel * l->in));
    const double flops = 2e-9 * count / median;

    if (s->json)
        printf(
            "{\"size\": %lld, \"in\": %lld, \"out\": %lld, \"kernel\": %d, \"stride\": %d, \"batch\": %lld, \"pass\": "
            "\"%s\", \"algorithm\": \"%s\", \"isa\": \"%s\", \"precision\": \"%s\", \"threads\": %d, \"median_ms\": "
            "%.4f, "
            "\"minimum_ms\": %.4f, \"gflops\": %.1f, \"peak_gflops\": %.1f, \"gbytes_per_second\": %.2f, \"error\": "
            "%.2e, "
            "\"cpu\": \"%s\", \"compiler\": \"%s\", \"commit\": \"%s\"}\n",
            (long long)l->size, (long long)l->in, (long long)l->out, (int)l->kernel, (int)l->stride,
            (long long)s->batch, pass_names[pass], o->plan.algorithm->name, rn_isa_name(rn_context_isa(context)),
            s->bf16 ? "bf16" : "fp32", (int)rn_context_threads(context), median * 1e3, least * 1e3, flops, peak,
            bytes / median * 1e-9, error, s->cpu, __VERSION__, RN_BENCH_COMMIT);
    else
        printf("%3lld %4lld -> %4lld %2dx%d/%d %-8s %-9s %9.3f %9.3f %7.0f %4.0f %% %6.1f  %.1e\n", (long long)l->size,
               (long long)l->in, (long long)l->out, (int)l->kernel, (int)l->kernel, (int)l->stride, pass_names[pass],
               o->plan.algorithm->name, median * 1e3, least * 1e3, flops, 100 * flops / peak, bytes / median * 1e-9,
               error);
    fflush(stdout);
}

static void bench_layer(const rn_context *context, const settings *s, const layer *l, double peak)
{
    operands o = make(context, l, s);

    for (int pass = 0; pass < 3; pass++) {
        double times[RUNS];

        for (int run = -WARM_UPS; run < RUNS; run++) {
            const double start = now();

            run_pass(context, &o, pass);
            times[run < 0 ? 0 : run] = now() - start;
        }
        qsort(times, RUNS, sizeof(double), ascending);
        print_pass(context, s, l, &o, pass, times[RUNS / 2], times[0], peak, error_of(&o, pass));
    }
    release(&o);
}

/* ---- the command line -------------------------------------------------------------------------------------------- */

static const char *cpu_name(void)
{
    static char name[128] = "unknown";
    char text[256];
    FILE *const file = fopen("/proc/cpuinfo", "r");

    while (file != NULL && fgets(text, sizeof text, file) != NULL)
        if (sscanf(text, "model name : %127[^\n]", name) == 1)
            break;
    if (file != NULL)
        fclose(file);
    return name;
}

static int read_settings(settings *s, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--json") == 0)
            s->json = 1;
        else if (strcmp(argv[i], "--bf16") == 0)
            s->bf16 = 1;
        else if (i + 1 < argc && strcmp(argv[i], "--batch") == 0)
            s->batch = atoi(argv[++i]);
        else if (i + 1 < argc && strcmp(argv[i], "--threads") == 0)
            s->threads = atoi(argv[++i]);
        else if (i + 1 < argc && strcmp(argv[i], "--layer") == 0)
            s->layer = atoi(argv[++i]);
        else if (i + 1 < argc && strcmp(argv[i], "--isa") == 0)
            s->isa = argv[++i];
        else
            return 0;
    }
    return s->batch > 0 && s->layer < LAYERS;
}

int main(int argc, char **argv)
{
    settings s = { .cpu = cpu_name(), .batch = 8, .layer = -1 };
    rn_context *context;
    double peak;

    if (!read_settings(&s, argc, argv)) {
        fprintf(stderr, "usage: bench_conv [--batch N] [--threads N] [--isa NAME] [--bf16] [--layer I] [--json]\n");
        return 2;
    }
    if (s.isa != NULL)
        setenv("RN_ISA", s.isa, 1);
    context = rn_test_context(s.threads, RN_ISA_AUTO);
    peak = measure_peak(context);
    if (!s.json)
        printf("%s; %s, %s, %d threads, batch %lld, peak %.0f GFLOP/s; %s, %s\n"
               "layer                 pass     algorithm  median ms   minimum GFLOP/s of peak  GB/s  error\n",
               s.cpu, rn_isa_name(rn_context_isa(context)), s.bf16 ? "bf16" : "fp32", (int)rn_context_threads(context),
               (long long)s.batch, peak, __VERSION__, RN_BENCH_COMMIT);
    for (int i = 0; i < LAYERS; i++)
        if (s.layer < 0 || i == s.layer)
            bench_layer(context, &s, &layers[i], peak);
    rn_context_destroy(context);
    return 0;
}
