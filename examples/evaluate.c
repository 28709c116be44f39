/* SPDX-License-Identifier: MIT */
/*
 * evaluate: loss and accuracy of a network over a folder of photos, and its logits if wished.
 *
 * Photos of other classes than the network's (flowers for a network of ImageNet's thousand) have no accuracy, but
 * logits they have.
 */
#include "common/args.h"
#include "common/weights.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define TRY(call) \
    do { \
        if ((status = (call)) != RN_OK) \
            goto out; \
    } while (0)

typedef struct settings {
    const char *checkpoint, *directory, *arch, *logits, *pipeline;
    weights weights;
    int32_t batch, threads;
    rn_precision precision;
    int skip_bad_photos, json;
} settings;

/* A model file brings everything but the photos. */
static rn_status open_checkpoint(rn_model **model, rn_dataset **photos, rn_context *context, const settings *s)
{
    rn_status status;

    TRY(rn_model_open(model, context, s->checkpoint, NULL));
    status = rn_image_folder_open(photos, context, s->directory,
                                  RN_OPTIONS(rn_image_folder, .classes = rn_model_classes(*model)));
out:
    return status;
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

static void print_answer(const rn_evaluation *answer, const settings *s, const rn_model *model)
{
    if (s->json) {
        printf("{\"accuracy\": ");
        text_json_number(stdout, answer->accuracy);
        printf(", \"loss\": ");
        text_json_number(stdout, answer->loss);
        printf(", \"count\": %lld, \"skipped\": %lld, \"network\": ", (long long)answer->count,
               (long long)answer->skipped);
        text_json_string(stdout, rn_model_name(model));
        printf(", \"classes\": %lld}\n", (long long)rn_model_class_count(model));
    } else if (isnan(answer->accuracy)) {
        printf("%lld photos; their classes are not the network's, so there is no accuracy\n", (long long)answer->count);
    } else {
        printf("accuracy %.4f  loss %.4f  %lld photos, %lld skipped\n", answer->accuracy, answer->loss,
               (long long)answer->count, (long long)answer->skipped);
    }
}

static void say_what_was_understood(const rn_model *model, const rn_dataset *photos, const settings *s)
{
    FILE *report = args_report(s->json);
    char text[4096];

    text_line(
        report, "network: %s, %lld classes; %s", rn_model_name(model), (long long)rn_model_class_count(model),
        weights_text(text, sizeof text, s->checkpoint != NULL ? &(weights){ .path = s->checkpoint } : &s->weights));
    text_line(report, "photos: %zu classes; %zu photos in %s; %zu files passed over",
              rn_classes_count(rn_dataset_classes(photos)), rn_dataset_count(photos), s->directory,
              rn_dataset_ignored(photos));
    text_line(report, "training: none; each photo goes through %s",
              rn_model_pipeline(model) != NULL ? rn_pipeline_text(rn_model_pipeline(model)) : "nothing");
    fflush(report);
}

static int evaluate(const args_program *program, rn_context *context, settings *s)
{
    rn_evaluation answer = { .struct_size = sizeof answer, .accuracy = NAN, .loss = NAN };
    rn_dataset *photos = NULL;
    rn_model *model = NULL;
    float *logits = NULL;
    size_t count = 0;
    int not_written = 0;
    rn_status status;

    TRY(s->checkpoint != NULL ? open_checkpoint(&model, &photos, context, s)
                              : open_weights(&model, &photos, context, s));
    if (s->pipeline != NULL)
        TRY(rn_model_set_pipeline(model, s->pipeline));
    say_what_was_understood(model, photos, s);
    if (s->logits != NULL) {
        count = rn_dataset_count(photos) * (size_t)rn_model_class_count(model);
        logits = malloc(count * sizeof *logits);
        if (logits == NULL) {
            status = RN_NO_MEMORY;
            goto out;
        }
    }
    if (logits != NULL && (int64_t)rn_classes_count(rn_dataset_classes(photos)) != rn_model_class_count(model)) {
        answer.count = (int64_t)rn_dataset_count(photos);
        for (size_t i = 0; i < count; i++)
            logits[i] = NAN;
        TRY(logits_only(logits, context, model, photos, s));
    } else {
        TRY(rn_evaluate(&answer, model, photos,
                        RN_OPTIONS(rn_evaluate, .logits = logits, .logits_count = count, .batch_size = s->batch,
                                   .bad_photos = s->skip_bad_photos)));
    }
    not_written = logits != NULL && write_logits(s->logits, logits, count);
    if (not_written)
        text_line(stderr, "%s: %s cannot be written", program->name, s->logits);
    else
        print_answer(&answer, s, model);
out:
    free(logits);
    rn_model_destroy(model);
    rn_dataset_destroy(photos);
    if (s->weights.other_names) {
        text_line(stderr, "%s: %s. Here: --rename FROM=TO", program->name, rn_context_message(context));
        return EXIT_FAILED;
    }
    if (s->weights.other_classes) {
        text_line(stderr, "%s: %s; --ignore-class-table compares by number", program->name,
                  rn_context_message(context));
        return EXIT_FAILED;
    }
    if (status != RN_OK)
        return args_failed(program, status, context);
    return not_written ? EXIT_FAILED : 0;
}

int main(int argc, char **argv)
{
    settings s = { .batch = 8 };
    const args_option options[] = {
        { "arch", ARGS_TEXT, &s.arch, "A", "network: resnet18, squeezenet1_0, cifar_resnet20, ..." },
        { "weights", ARGS_TEXT, &s.weights.path, "FILE", "its weights: .pth, .pt, .safetensors" },
        { "prefix", ARGS_TEXT, &s.weights.prefix, "NAME", "which network, where the file of weights holds several" },
        { "rename", ARGS_TEXT, &s.weights.rename, "FROM=TO,...",
          "other beginnings of names in the file of weights; FROM alone leaves tensors out" },
        { "ignore-class-table", ARGS_FLAG, &s.weights.ignore_classes, NULL,
          "compare with the photos' classes by number, whatever the file calls them" },
        { "logits", ARGS_TEXT, &s.logits, "FILE",
          "write photos x classes little-endian float32, in the order of the folder" },
        { "pipeline", ARGS_TEXT, &s.pipeline, "TEXT", "preprocessing instead of the network's own" },
        { "batch", ARGS_COUNT, &s.batch, "N", "photos in a batch (8)" },
        { "threads", ARGS_COUNT, &s.threads, "N", "threads (the CPUs that there are)" },
        { "precision", ARGS_PRECISION, &s.precision, "P", "fp32 or, where the CPU multiplies it, bf16 (fp32)" },
        { "skip-bad-photos", ARGS_FLAG, &s.skip_bad_photos, NULL, "leave out photos that do not decode" },
        { "json", ARGS_FLAG, &s.json, NULL, "one JSON object: accuracy, loss, count, ..." },
    };
    const args_program program = {
        .name = "evaluate",
        .usage = "CHECKPOINT DIR [options]\n--arch A --weights FILE DIR [options]",
        .about = "Loss and accuracy over the photos in DIR/CLASS. CHECKPOINT is a file that finetune wrote.",
        .options = options,
        .option_count = sizeof options / sizeof options[0],
    };
    rn_context *context = NULL;
    int answer = args_read(&program, &argc, argv);

    if (answer >= 0)
        return answer;
    if ((s.arch != NULL) != (s.weights.path != NULL))
        return args_usage(&program, "--arch and --weights go together");
    if (argc != (s.arch != NULL ? 2 : 3))
        return args_usage(&program,
                          s.arch != NULL ? "give one folder of photos" : "give a checkpoint and a folder of photos");
    if (s.batch == 0)
        return args_usage(&program, "--batch begins at 1");
    s.checkpoint = s.arch != NULL ? NULL : argv[1];
    s.directory = argv[argc - 1];
    if (!args_context(&context, &program, s.threads, 0, s.precision))
        return args_end(&program, EXIT_FAILED);
    answer = evaluate(&program, context, &s);
    rn_context_destroy(context);
    return args_end(&program, answer);
}
