/* SPDX-License-Identifier: MIT */
/*
 * evaluate: loss and accuracy of a network over a folder of photos, and its logits if wished.
 *
 * Photos of other classes than the network's (flowers for a network of ImageNet's thousand) have no accuracy, but
 * logits they have.
 */
#include "common/args.h"
#include "common/classifier.h"
#include "common/family.h"
#include "common/language.h"
#include "common/photos.h"
#include "common/programs.h"
#include "common/progress.h"
#include "common/sentence.h"
#include "common/terminal.h"
#include "evaluate/verdict.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define TRY(call) \
    do { \
        if ((status = (call)) != RN_OK) \
            goto out; \
    } while (0)

typedef struct settings {
    const char *checkpoint, *directory, *arch, *logits, *csv, *pipeline;
    weights weights;
    int32_t batch, threads, top, draws;
    rn_precision precision;
    int skip_bad_photos, per_class, mirror, json;
    int *line_open; /* a moving line stands on the terminal */
} settings;

/* A file that says which network it is; if it names no classes, those of the folders are compared by number. */
static rn_status open_photos_for(rn_dataset **photos, rn_model *model, rn_context *context, const settings *s)
{
    const int ignores = s->weights.ignore_classes;
    const rn_status status =
        rn_image_folder_open(photos, context, s->directory,
                             RN_OPTIONS(rn_image_folder, .classes = ignores ? NULL : rn_model_classes(model)));

    if (status != RN_OK || !ignores ||
        (int64_t)rn_classes_count(rn_dataset_classes(*photos)) != rn_model_class_count(model))
        return status;
    return rn_model_set_classes(model, rn_dataset_classes(*photos));
}

/*
 * The network with as many classes as its published weights have or, if the file does not fit that, with those of the
 * folders, which then are compared with the class table that the file may carry.
 */
static rn_status open_weights(rn_model **model, rn_dataset **photos, rn_context *context, settings *s)
{
    const rn_classes *folders;
    rn_status status;

    TRY(rn_image_folder_open(photos, context, s->directory, NULL));
    folders = rn_dataset_classes(*photos);
    TRY(rn_model_create(model, context, s->arch, NULL));
    if (rn_model_class_count(*model) != (int64_t)rn_classes_count(folders)) {
        status = weights_load(&s->weights, *model);
        if (status != RN_SHAPE)
            goto out;
    }
    rn_model_destroy(*model);
    TRY(rn_model_create(model, context, s->arch, RN_OPTIONS(rn_model, .classes = folders)));
    status = weights_load(&s->weights, *model);
out:
    return status;
}

/* Logits alone, where labels mean nothing: the loop that rn_evaluate would run. */
static rn_status logits_only(float *logits, rn_context *context, rn_model *model, rn_dataset *photos, const settings *s)
{
    const size_t classes = (size_t)rn_model_class_count(model);
    rn_loader *loader = NULL;
    rn_session *session = NULL;
    const rn_batch *batch;
    const rn_tensor *output;
    int64_t height, width;
    rn_status status;

    rn_model_input_size(model, NULL, &height, &width);
    TRY(rn_loader_create(&loader, photos, rn_model_pipeline(model),
                         RN_OPTIONS(rn_loader, .batch_size = s->batch, .bad_photos = s->skip_bad_photos,
                                    .height = (int32_t)height, .width = (int32_t)width)));
    TRY(rn_session_create(&session, context, model, NULL));
    TRY(rn_loader_start(loader, 0));
    while ((status = rn_loader_next(&batch, loader)) == RN_OK) {
        TRY(rn_session_forward(session, rn_batch_images(batch)));
        TRY(rn_session_output(&output, session, 0));
        for (size_t i = 0; i < rn_batch_size(batch); i++)
            for (size_t c = 0; c < classes; c++) {
                double value;

                TRY(rn_tensor_get(output, (int64_t[]){ (int64_t)i, (int64_t)c }, &value));
                logits[rn_batch_sample(batch, i) * classes + c] = (float)value;
            }
    }
    if (status == RN_END)
        status = RN_OK;
out:
    rn_session_destroy(session);
    rn_loader_destroy(loader);
    return status;
}

/* Little-endian, whatever the machine. */
static int write_logits(const char *path, const float *logits, size_t count)
{
    FILE *file = fopen(path, "wb");
    int failed = file == NULL;

    for (size_t i = 0; i < count && !failed; i++) {
        uint32_t bits;
        unsigned char bytes[4];

        memcpy(&bits, &logits[i], sizeof bits);
        for (int b = 0; b < 4; b++)
            bytes[b] = (unsigned char)(bits >> 8 * b);
        failed = fwrite(bytes, sizeof bytes, 1, file) != 1;
    }
    if (file != NULL && fclose(file) != 0)
        failed = 1;
    return failed;
}

static void print_answer(const rn_evaluation *answer, double top, const settings *s, const rn_model *model)
{
    if (s->json) {
        printf("{\"accuracy\": ");
        text_json_number(stdout, answer->accuracy);
        printf(", \"loss\": ");
        text_json_number(stdout, answer->loss);
        printf(", \"count\": %lld, \"skipped\": %lld, \"network\": ", (long long)answer->count,
               (long long)answer->skipped);
        text_json_string(stdout, rn_model_name(model));
        printf(", \"classes\": %lld", (long long)rn_model_class_count(model));
        if (s->top > 0) {
            printf(", \"top\": %d, \"top_accuracy\": ", (int)s->top);
            text_json_number(stdout, top);
        }
    } else if (isnan(answer->accuracy)) {
        text_line(stdout, "%lld photos; their classes are not the network's, so there is no accuracy",
                  (long long)answer->count);
    } else {
        text_line(stdout, "accuracy %.4f  loss %.4f  %lld photos, %lld skipped", answer->accuracy, answer->loss,
                  (long long)answer->count, (long long)answer->skipped);
        if (s->top > 0)
            text_line(stdout, "among the %d most probable: %.4f", (int)s->top, top);
    }
}

static void say_what_was_understood(const rn_model *model, const rn_dataset *photos, const settings *s)
{
    FILE *report = args_report(s->json);
    char text[4096];

    text_line(report, "network: %s, %lld classes; %s", rn_model_name(model), (long long)rn_model_class_count(model),
              weights_text(text, sizeof text, &s->weights));
    text_line(report, "photos: %zu classes; %zu photos in %s; %zu files passed over%s",
              rn_classes_count(rn_dataset_classes(photos)), rn_dataset_count(photos), s->directory,
              rn_dataset_ignored(photos),
              rn_model_classes(model) == NULL ? _("; the weights name no classes: these are compared by their order")
                                              : "");
    text_line(report, "training: none; each photo goes through %s",
              rn_model_pipeline(model) != NULL ? rn_pipeline_text(rn_model_pipeline(model)) : _("nothing"));
    fflush(report);
}

/* ---- the work ---------------------------------------------------------------------------------------------------- */

/* Memory for the logits, if anybody asks for them. RN_NO_MEMORY. */
static rn_status make_logits(float **logits, size_t *count, const rn_dataset *photos, const rn_model *model,
                             const settings *s)
{
    const size_t rows = rn_dataset_count(photos), classes = (size_t)rn_model_class_count(model);

    *logits = NULL;
    *count = 0;
    if (s->logits == NULL && s->csv == NULL && !s->per_class)
        return RN_OK;
    if (rows > SIZE_MAX / sizeof **logits / classes)
        return RN_NO_MEMORY;
    *count = rows * classes;
    *logits = malloc(*count * sizeof **logits);
    return *logits != NULL ? RN_OK : RN_NO_MEMORY;
}

/* The files that were asked for; gives the path of one that cannot be written, or NULL. */
static const char *write_files(const verdict *v, size_t count, const settings *s)
{
    if (s->logits != NULL && write_logits(s->logits, v->logits, count))
        return s->logits;
    return s->csv != NULL && verdict_write_csv(v, s->csv) != 0 ? s->csv : NULL;
}

static int fail(const args_program *program, const settings *s, rn_status status, const rn_context *context,
                const rn_model *model, const rn_dataset *photos)
{
    const char *const message = rn_context_message(context), *help;
    char text[SENTENCE_SIZE];

    if (s->weights.several)
        help = _(". Here: --prefix NAME");
    else if (s->weights.other_names)
        help = _(". Here: --rename FROM=TO");
    else if (s->weights.other_classes)
        help = _("; --ignore-class-table compares by number");
    else if (strstr(message, ": the class table has no folder '") != NULL)
        help = _("; photos are to lie in DIR/CLASS/; --ignore-class-table compares by number");
    else if (status != RN_IO && photos == NULL && strncmp(message, s->directory, strlen(s->directory)) == 0)
        help = _("; photos are to lie in DIR/CLASS/");
    else
        help = photos_advice(text, sizeof text, model, photos, message);
    return args_advised(program, status, context, help);
}

static int32_t show(size_t done, size_t count, void *payload)
{
    progress_photos(done, count, payload);
    return 0;
}

/* Loss, accuracy, logits; where the network has another number of classes than there are folders, logits alone. */
static rn_status measure(rn_evaluation *answer, double *top, float *logits, size_t count, rn_context *context,
                         rn_model *model, rn_dataset *photos, const settings *s)
{
    const int more = s->top > 0 || s->mirror || s->draws > 0;

    if (logits == NULL || more ||
        (int64_t)rn_classes_count(rn_dataset_classes(photos)) == rn_model_class_count(model)) {
        rn_evaluation_result *result = NULL;
        const rn_status status =
            rn_evaluate(answer, model, photos,
                        RN_OPTIONS(rn_evaluate, .logits = logits, .logits_count = count, .batch_size = s->batch,
                                   .bad_photos = s->skip_bad_photos, .mirror = s->mirror, .draws = s->draws,
                                   .result = s->top > 0 ? &result : NULL, .payload = s->line_open,
                                   .progress = terminal_moves(stdout) && !s->json ? show : NULL));

        *top = rn_evaluation_top(result, s->top);
        rn_evaluation_result_destroy(result);
        return status;
    }
    answer->count = (int64_t)rn_dataset_count(photos);
    for (size_t i = 0; i < count; i++)
        logits[i] = NAN;
    return logits_only(logits, context, model, photos, s);
}

static int print_all(const args_program *program, const rn_evaluation *answer, double top, const verdict *v,
                     const settings *s, const rn_model *model)
{
    const int per_class = s->per_class && !isnan(answer->accuracy);
    int error = 0;

    if (s->per_class && !per_class)
        text_line(stderr, "%s: --per-class: the photos' classes are not the network's", program->name);
    print_answer(answer, top, s, model);
    if (per_class)
        error = verdict_print(v, s->json);
    if (s->json)
        printf("}\n");
    if (error != 0)
        text_line(stderr, "%s: %s", program->name, strerror(error));
    return error != 0 || s->per_class != per_class ? EXIT_FAILED : 0;
}

static int evaluate(const args_program *program, rn_context *context, rn_model *model, rn_dataset *photos, settings *s)
{
    rn_evaluation answer = { .struct_size = sizeof answer, .accuracy = NAN, .loss = NAN };
    verdict v = { .photos = photos,
                  .classes = rn_model_classes(model),
                  .class_count = (size_t)rn_model_class_count(model) };
    const char *unwritten;
    double top = NAN;
    float *logits;
    size_t count;
    int result;
    rn_status status = make_logits(&logits, &count, photos, model, s);

    if (status == RN_OK)
        status = measure(&answer, &top, logits, count, context, model, photos, s);
    args_clear_line(program);
    v.logits = logits;
    if (status != RN_OK) {
        result = fail(program, s, status, context, model, photos);
    } else if ((unwritten = write_files(&v, count, s)) != NULL) {
        text_line(stderr, "%s: %s cannot be written", program->name, unwritten);
        result = EXIT_FAILED;
    } else {
        result = print_all(program, &answer, top, &v, s, model);
    }
    free(logits);
    return result;
}

static int run(const args_program *program, settings *s)
{
    classifier c = { .weights = s->weights, .numbers_do = 1 };
    rn_context *context = NULL;
    rn_dataset *photos = NULL;
    rn_model *model = NULL;
    rn_status status = RN_OK;
    int answer = EXIT_FAILED;

    if (!args_context(&context, program, s->threads, 0, s->precision))
        return EXIT_FAILED;
    if (s->checkpoint != NULL) {
        c.weights.path = s->checkpoint;
        if (!classifier_open(&model, context, &c, program))
            goto out;
        s->weights = c.weights;
        status = open_photos_for(&photos, model, context, s);
    } else {
        family_resolve(&s->arch, program->name);
        status = open_weights(&model, &photos, context, s);
    }
    if (status == RN_OK && s->pipeline != NULL)
        status = rn_model_set_pipeline(model, s->pipeline);
    if (status == RN_OK) {
        say_what_was_understood(model, photos, s);
        answer = evaluate(program, context, model, photos, s);
    } else {
        answer = fail(program, s, status, context, model, photos);
    }
out:
    rn_model_destroy(model);
    rn_dataset_destroy(photos);
    rn_context_destroy(context);
    return answer;
}

int evaluate_main(const char *name, int argc, char **argv)
{
    int line_open = 0;
    settings s = { .batch = 8, .line_open = &line_open };
    const args_option options[] = {
        { "per-class", ARGS_FLAG, &s.per_class, NULL, "also how well each class is found, and confusions" },
        { "top", ARGS_COUNT, &s.top, "K", "also how often the class is among the K most probable" },
        { "csv", ARGS_TEXT, &s.csv, "FILE", "write path, label, prediction, probability" },
        { "logits", ARGS_TEXT, &s.logits, "FILE", "write photos x classes little-endian float32" },
        { "json", ARGS_FLAG, &s.json, NULL, "one JSON object: accuracy, loss, count, ..." },
        { "skip-bad-photos", ARGS_FLAG, &s.skip_bad_photos, NULL, "leave out photos that do not decode" },
        { "arch", ARGS_TEXT, &s.arch, "A", "network: resnet18, squeezenet1_0, vgg16, ..." },
        { "weights", ARGS_TEXT, &s.weights.path, "FILE", "its weights: .pth, .pt, .safetensors" },
        { "batch", ARGS_COUNT, &s.batch, "N", "photos in a batch (8)" },
        { "threads", ARGS_COUNT, &s.threads, "N", "threads (the CPUs that there are)" },
        { "precision", ARGS_PRECISION, &s.precision, "P", "fp32 or, where the CPU multiplies it, bf16 (fp32)" },
        ARGS_MORE,
        { "mirror", ARGS_FLAG, &s.mirror, NULL, "each photo counts with its mirror image" },
        { "draws", ARGS_COUNT, &s.draws, "N", "each photo counts in N random training views" },
        { "prefix", ARGS_TEXT, &s.weights.prefix, "NAME", "which network of the file, where it holds several" },
        { "rename", ARGS_TEXT, &s.weights.rename, "FROM=TO,...", "other names for the file's; FROM alone leaves out" },
        { "ignore-class-table", ARGS_FLAG, &s.weights.ignore_classes, NULL, "compare classes by number, not by name" },
        { "pipeline", ARGS_TEXT, &s.pipeline, "TEXT", "preprocessing instead of the network's own" },
    };
    const args_program program = {
        .name = name,
        .usage = "CHECKPOINT DIR [options]\n--arch A --weights FILE DIR [options]",
        .about = N_("Loss and accuracy over the photos in DIR/CLASS. CHECKPOINT is a file that\n"
                    "training wrote, or a PyTorch file.\n"
                    "Exit status: 0; 1 failure; 2 wrong usage."),
        .options = options,
        .option_count = sizeof options / sizeof options[0],
        .line_open = &line_open,
    };
    int answer = args_read(&program, &argc, argv);

    if (answer >= 0)
        return answer;
    if ((s.arch != NULL) != (s.weights.path != NULL))
        return args_usage(&program, "--arch and --weights go together");
    if (argc != (s.arch != NULL ? 2 : 3))
        return args_usage(&program, s.arch != NULL ? N_("give one folder of photos")
                                                   : N_("give a checkpoint and a folder of photos"));
    if (s.batch == 0)
        return args_usage(&program, "--batch begins at 1");
    s.checkpoint = s.arch != NULL ? NULL : argv[1];
    s.directory = argv[argc - 1];
    return args_end(&program, run(&program, &s));
}

#ifndef RESNET_ONE_PROGRAM
int main(int argc, char **argv)
{
    return evaluate_main("evaluate", argc, argv);
}
#endif
