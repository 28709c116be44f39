/* SPDX-License-Identifier: MIT */
/*
 * bench: images a second and peak memory of one network, with random weights and images.
 *
 *   infer    forward
 *   train    forward, loss, backward with Adam's step in it as a fit has it, everything trainable
 *   frozen   the same with only the head trainable
 *
 * Two steps to warm up, then the median of at least five.
 */
#define _GNU_SOURCE
#include "common/args.h"
#include "common/family.h"
#include "common/language.h"
#include "common/programs.h"

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#define TRY(call) \
    do { \
        if ((status = (call)) != RN_OK) \
            goto out; \
    } while (0)

enum { WARM_UPS = 2, MAX_STEPS = 1000 };

typedef struct settings {
    const char *arch, *mode;
    int32_t batch, threads, size, steps, classes;
    rn_precision precision;
    size_t memory;
    int json;
} settings;

typedef struct bench {
    rn_model *model;
    rn_session *session;
    rn_optimizer *adam;
    rn_tensor *images, *labels;
    size_t plan_bytes;
} bench;

static double clock_seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/*
 * Roughly normal numbers and labels from a small generator: what they are does not matter, that they are the same every
 * time does.
 */
static rn_status make_batch(bench *b, rn_context *context, const settings *s, int64_t height, int64_t width)
{
    const int64_t shape[] = { s->batch, 3, height, width };
    const int64_t classes = rn_model_class_count(b->model);
    uint32_t state = 1;
    float *pixels;
    int64_t *labels;
    rn_status status;

    TRY(rn_tensor_create(&b->images, context, RN_FLOAT32, 4, shape, RN_CHANNELS_LAST));
    TRY(rn_tensor_create(&b->labels, context, RN_INT64, 1, shape, RN_ROW_MAJOR));
    pixels = rn_tensor_data(b->images);
    for (int64_t i = 0; i < rn_tensor_count(b->images); i++) {
        float sum = 0;

        for (int j = 0; j < 4; j++) {
            state = state * 1664525u + 1013904223u;
            sum += (float)(state >> 8) / 16777216.0f - 0.5f;
        }
        pixels[i] = 1.7320508f * sum;
    }
    labels = rn_tensor_data(b->labels);
    for (int64_t i = 0; i < s->batch; i++)
        labels[i] = i * 31 % classes;
out:
    return status;
}

static rn_status set_up(bench *b, rn_context *context, const settings *s)
{
    const int infer = strcmp(s->mode, "infer") == 0;
    int64_t channels, height, width;
    rn_status status;

    TRY(rn_model_create(&b->model, context, s->arch,
                        RN_OPTIONS(rn_model, .class_count = s->classes, .height = s->size, .width = s->size)));
    rn_model_input_size(b->model, &channels, &height, &width);
    TRY(make_batch(b, context, s, height, width));
    if (strcmp(s->mode, "frozen") == 0)
        TRY(rn_model_freeze_backbone(b->model));
    if (!infer)
        TRY(rn_adam_create(&b->adam, rn_model_parameters(b->model), RN_OPTIONS(rn_adam, .lr = 1e-4)));
    TRY(rn_session_create(&b->session, context, b->model,
                          RN_OPTIONS(rn_session, .mode = infer ? RN_INFER : RN_TRAIN, .memory_limit = s->memory)));
    if (!infer)
        TRY(rn_session_step_in_backward(b->session, b->adam));
    status = rn_session_plan_bytes(&b->plan_bytes, b->session, s->batch, height, width);
out:
    return status;
}

static rn_status step(bench *b)
{
    double loss;
    rn_status status;

    TRY(rn_session_forward(b->session, b->images));
    if (b->adam == NULL)
        goto out;
    TRY(rn_cross_entropy(&loss, b->session, b->labels, NULL));
    status = rn_session_backward(b->session);
out:
    return status;
}

static int compare_seconds(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static rn_status measure(double *median, bench *b, const settings *s)
{
    double seconds[MAX_STEPS];
    rn_status status = RN_OK;

    for (int i = 0; i < WARM_UPS && status == RN_OK; i++)
        status = step(b);
    for (int i = 0; i < s->steps && status == RN_OK; i++) {
        const double begun = clock_seconds();

        status = step(b);
        seconds[i] = clock_seconds() - begun;
    }
    if (status != RN_OK)
        return status;
    qsort(seconds, (size_t)s->steps, sizeof seconds[0], compare_seconds);
    *median = s->steps % 2 != 0 ? seconds[s->steps / 2] : (seconds[s->steps / 2 - 1] + seconds[s->steps / 2]) / 2;
    return RN_OK;
}

static void print_answer(const settings *s, const bench *b, const rn_context *context, double median)
{
    struct rusage usage;
    const double rate = s->batch / median;
    const char *const precision = rn_session_precision(b->session) == RN_PRECISION_BFLOAT16 ? "bf16" : "fp32";
    long peak_mib;

    getrusage(RUSAGE_SELF, &usage);
    peak_mib = usage.ru_maxrss / 1024;
    if (!s->json) {
        text_line(stdout, "%s %s: %.2f images/s (batch %d, %d threads, %s, %s), plan %zu MiB, peak %ld MiB", s->arch,
                  s->mode, rate, s->batch, rn_context_threads(context), rn_isa_name(rn_context_isa(context)), precision,
                  b->plan_bytes >> 20, peak_mib);
        return;
    }
    printf("{\"library\": \"resnet %s\", \"arch\": ", rn_version());
    text_json_string(stdout, s->arch);
    printf(", \"mode\": \"%s\", \"batch\": %d, \"threads\": %d, \"isa\": \"%s\", \"precision\": \"%s\", "
           "\"images_per_second\": %.2f, "
           "\"plan_mib\": %.1f, \"peak_mib\": %ld}\n",
           s->mode, s->batch, rn_context_threads(context), rn_isa_name(rn_context_isa(context)), precision, rate,
           (double)b->plan_bytes / (1 << 20), peak_mib);
}

static void say_what_was_understood(const bench *b, const settings *s)
{
    const rn_parameters *parameters = rn_model_parameters(b->model);
    const int64_t *shape = rn_tensor_shape(b->images);
    FILE *report = args_report(s->json);

    text_line(report, "network: %s, %lld classes; random weights", rn_model_name(b->model),
              (long long)rn_model_class_count(b->model));
    text_line(report, "photos: none; batches of %lld random images of %lld x %lld pixels", (long long)shape[0],
              (long long)shape[2], (long long)shape[3]);
    if (b->adam == NULL)
        text_line(report, "training: none");
    else
        text_line(report, "training: %lld of %lld parameters, Adam", (long long)rn_parameters_elements(parameters, 1),
                  (long long)rn_parameters_elements(parameters, 0));
    fflush(report);
}

static int run(const args_program *program, const settings *s)
{
    rn_context *context = NULL;
    bench b = { 0 };
    double median = 0;
    rn_status status;
    int answer = 0;

    if (!args_context(&context, program, s->threads, 0, s->precision))
        return EXIT_FAILED;
    status = set_up(&b, context, s);
    if (status == RN_OK)
        say_what_was_understood(&b, s);
    if (status == RN_OK)
        status = measure(&median, &b, s);
    if (status == RN_OK)
        print_answer(s, &b, context, median);
    else
        answer = args_failed(program, status, context);
    rn_session_destroy(b.session);
    rn_optimizer_destroy(b.adam);
    rn_tensor_destroy(b.images);
    rn_tensor_destroy(b.labels);
    rn_model_destroy(b.model);
    rn_context_destroy(context);
    return answer;
}

int bench_main(const char *name, int argc, char **argv)
{
    settings s = { .arch = "resnet18", .mode = "train", .batch = 8, .steps = 5 };
    const args_option options[] = {
        { "arch", ARGS_TEXT, &s.arch, "A", "network (resnet18)" },
        { "mode", ARGS_TEXT, &s.mode, "M", "train, frozen or infer (train)" },
        { "batch", ARGS_COUNT, &s.batch, "N", "images in a batch (8)" },
        { "threads", ARGS_COUNT, &s.threads, "N", "threads (the CPUs that there are)" },
        { "precision", ARGS_PRECISION, &s.precision, "P", "fp32 or, where the CPU multiplies it, bf16 (fp32)" },
        { "memory", ARGS_BYTES, &s.memory, "SIZE", "limit for the maps of a step, such as 700M (none)" },
        { "size", ARGS_COUNT, &s.size, "S", "height and width of the images (the network's own)" },
        { "classes", ARGS_COUNT, &s.classes, "N", "outputs (those of the published weights)" },
        { "steps", ARGS_COUNT, &s.steps, "N", "steps that are timed, 5 to 1000 (5)" },
        { "json", ARGS_FLAG, &s.json, NULL, "one JSON object: images_per_second, peak_mib, ..." },
    };
    const args_program program = {
        .name = name,
        .usage = "--arch A --mode M [options]",
        .about = N_("Measures images a second and peak memory, with random weights and images."),
        .options = options,
        .option_count = sizeof options / sizeof options[0],
    };
    const int answer = args_read(&program, &argc, argv);

    if (answer >= 0)
        return answer;
    if (argc > 1)
        return args_usage(&program, "there is nothing but options");
    family_resolve(&s.arch, program.name);
    if (strcmp(s.mode, "train") != 0 && strcmp(s.mode, "frozen") != 0 && strcmp(s.mode, "infer") != 0)
        return args_usage(&program, "--mode is train, frozen or infer");
    if (s.batch == 0 || s.steps < 5 || s.steps > MAX_STEPS)
        return args_usage(&program, "--batch begins at 1, --steps lies between 5 and 1000");
    return args_end(&program, run(&program, &s));
}

#ifndef RESNET_ONE_PROGRAM
int main(int argc, char **argv)
{
    return bench_main("bench", argc, argv);
}
#endif
