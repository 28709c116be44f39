/* SPDX-License-Identifier: MIT */
/*
 * report: what a run came to, as one HTML file. With photos its best network is evaluated over them, and the page has
 * confusions, scores of the classes, the surest mistakes and a grid of photos, too.
 */
#include "common/args.h"
#include "common/language.h"
#include "common/programs.h"

#include <stdlib.h>

#define TRY(call) \
    do { \
        if ((status = (call)) != RN_OK) \
            goto out; \
    } while (0)

typedef struct settings {
    const char *run, *photos, *out, *curves, *title;
    int32_t batch, threads, draws, pictures;
    rn_precision precision;
    int mirror, skip_bad_photos, json;
} settings;

/* directory/name; the caller frees. */
static char *path_in(const char *directory, const char *name)
{
    const size_t size = snprintf(NULL, 0, "%s/%s", directory, name) + 1u;
    char *const path = malloc(size);

    if (path != NULL)
        snprintf(path, size, "%s/%s", directory, name);
    return path;
}

static rn_status evaluate(rn_evaluation *answer, rn_evaluation_result **result, rn_context *context, rn_model *model,
                          const settings *s)
{
    rn_dataset *photos = NULL;
    rn_status status;

    TRY(rn_image_folder_open(&photos, context, s->photos,
                             RN_OPTIONS(rn_image_folder, .classes = rn_model_classes(model))));
    TRY(rn_evaluate(answer, model, photos,
                    RN_OPTIONS(rn_evaluate, .result = result, .batch_size = s->batch, .mirror = s->mirror,
                               .draws = s->draws, .bad_photos = s->skip_bad_photos)));
out:
    rn_dataset_destroy(photos); /* the result keeps it */
    return status;
}

static void print_answer(const rn_evaluation *answer, const rn_evaluation_result *result, const char *out,
                         const settings *s)
{
    rn_class_scores mean = { .struct_size = sizeof mean };

    rn_evaluation_average(&mean, result, RN_AVERAGE_MACRO); /* nothing without a result */
    if (s->json) {
        printf("{\"report\": ");
        text_json_string(stdout, out);
        if (result != NULL) {
            printf(", \"accuracy\": ");
            text_json_number(stdout, answer->accuracy);
            printf(", \"loss\": ");
            text_json_number(stdout, answer->loss);
            printf(", \"top5\": ");
            text_json_number(stdout, rn_evaluation_top(result, 5));
            printf(", \"f1\": ");
            text_json_number(stdout, mean.f1);
            printf(", \"count\": %lld, \"skipped\": %lld", (long long)answer->count, (long long)answer->skipped);
        }
        printf("}\n");
        return;
    }
    if (result != NULL)
        text_line(stdout, "accuracy %.4f  loss %.4f  F1 %.4f  %lld photos, %lld skipped", answer->accuracy,
                  answer->loss, mean.f1, (long long)answer->count, (long long)answer->skipped);
    text_line(stdout, "report: %s", out);
}

static int write_report(const args_program *program, rn_context *context, const settings *s)
{
    rn_evaluation answer = { .struct_size = sizeof answer };
    rn_evaluation_result *result = NULL;
    rn_model *model = NULL;
    char *const best = path_in(s->run, "best.safetensors"), *const beside = path_in(s->run, "report.html");
    const char *const out = s->out != NULL ? s->out : beside;
    rn_status status = best != NULL && beside != NULL ? RN_OK : RN_NO_MEMORY;

    TRY(status);
    status = rn_model_open(&model, context, best, NULL);
    if (status != RN_OK && (status != RN_IO || s->photos != NULL)) /* before its first epoch a run has no best */
        goto out;
    if (s->photos != NULL)
        TRY(evaluate(&answer, &result, context, model, s));
    if (s->curves != NULL)
        TRY(rn_report_write_curves(context, s->curves, s->run));
    TRY(rn_report_write(context, out,
                        RN_OPTIONS(rn_report, .title = s->title, .directory = s->run, .model = model,
                                   .evaluation = result, .photos = s->pictures, .mistakes = s->pictures)));
    print_answer(&answer, result, out, s);
out:
    rn_evaluation_result_destroy(result);
    rn_model_destroy(model);
    free(best);
    free(beside);
    return status == RN_OK ? 0 : args_failed(program, status, context);
}

int report_main(const char *name, int argc, char **argv)
{
    settings s = { .batch = 8, .pictures = 24 };
    const args_option options[] = {
        { "out", ARGS_TEXT, &s.out, "FILE", "the page (RUN/report.html)" },
        { "curves", ARGS_TEXT, &s.curves, "FILE", "loss and accuracy as an SVG file of their own" },
        { "title", ARGS_TEXT, &s.title, "TEXT", "the page's title (Training report)" },
        { "pictures", ARGS_COUNT, &s.pictures, "N", "photos in each of the two grids; 0: none (24)" },
        { "mirror", ARGS_FLAG, &s.mirror, NULL, "each photo counts with its mirror image" },
        { "draws", ARGS_COUNT, &s.draws, "N", "each photo counts in N random training views" },
        { "batch", ARGS_COUNT, &s.batch, "N", "photos in a batch (8)" },
        { "threads", ARGS_COUNT, &s.threads, "N", "threads (the CPUs that there are)" },
        { "precision", ARGS_PRECISION, &s.precision, "P", "fp32 or, where the CPU multiplies it, bf16 (fp32)" },
        { "skip-bad-photos", ARGS_FLAG, &s.skip_bad_photos, NULL, "leave out photos that do not decode" },
        { "json", ARGS_FLAG, &s.json, NULL, "one JSON object: report, accuracy, loss, ..." },
    };
    const args_program program = {
        .name = name,
        .usage = "RUN [PHOTOS] [options]",
        .about = N_("One HTML file about a run: RUN is what training wrote with --out, PHOTOS/CLASS\n"
                    "are photos to evaluate its best network over."),
        .options = options,
        .option_count = sizeof options / sizeof options[0],
    };
    rn_context *context = NULL;
    int answer = args_read(&program, &argc, argv);

    if (answer >= 0)
        return answer;
    if (argc != 2 && argc != 3)
        return args_usage(&program, "give the directory of a run and, if you wish, a folder of photos");
    if (s.batch == 0)
        return args_usage(&program, "--batch begins at 1");
    s.run = argv[1];
    s.photos = argc == 3 ? argv[2] : NULL;
    s.pictures = s.pictures == 0 ? -1 : s.pictures;
    if (!args_context(&context, &program, s.threads, 0, s.precision))
        return args_end(&program, EXIT_FAILED);
    answer = write_report(&program, context, &s);
    rn_context_destroy(context);
    return args_end(&program, answer);
}

#ifndef RESNET_ONE_PROGRAM
int main(int argc, char **argv)
{
    return report_main("report", argc, argv);
}
#endif
