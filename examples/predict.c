/* SPDX-License-Identifier: MIT */
/*
 * predict: what is on these photos? Names and probabilities; on a terminal green where the photo's folder says the
 * same, red where not.
 */
#define _POSIX_C_SOURCE 200809L
#include "common/args.h"

#include <string.h>
#include <unistd.h>

typedef struct settings {
    int32_t top, threads;
    rn_precision precision;
    int json;
} settings;

/* True if the text of a class's folder stands for a directory's name: \xNN in it is a byte (classes.h). */
static int is_folder(const char *folder, const char *directory, size_t length)
{
    size_t i = 0;

    for (; *folder != '\0' && i < length; i++) {
        unsigned byte = (unsigned char)*folder;
        const int escaped = folder[0] == '\\' && folder[1] == 'x' && sscanf(folder + 2, "%2x", &byte) == 1;

        if (byte != (unsigned char)directory[i])
            return 0;
        folder += escaped ? 4 : 1;
    }
    return *folder == '\0' && i == length;
}

/* The name of the class whose folder a photo lies in, if it is one of the network's: then the truth is known. */
static const char *true_class(const rn_model *model, const char *path)
{
    const rn_classes *classes = rn_model_classes(model);
    const char *end = strrchr(path, '/'), *begin = end;

    if (classes == NULL || end == NULL)
        return NULL;
    while (begin > path && begin[-1] != '/')
        begin--;
    for (size_t i = 0; i < rn_classes_count(classes); i++)
        if (is_folder(rn_classes_folder(classes, i), begin, (size_t)(end - begin)))
            return rn_classes_name(classes, i);
    return NULL;
}

static void print_json(const rn_predictions *p, const char *path)
{
    printf("{\"photo\": ");
    text_json_string(stdout, path);
    printf(", \"predictions\": [");
    for (size_t i = 0; i < rn_predictions_count(p); i++) {
        const char *folder = rn_predictions_folder(p, 0, i);

        printf("%s{\"index\": %lld, \"folder\": ", i > 0 ? ", " : "", (long long)rn_predictions_index(p, 0, i));
        text_json_string(stdout, folder != NULL ? folder : "");
        printf(", \"name\": ");
        text_json_string(stdout, rn_predictions_name(p, 0, i));
        printf(", \"probability\": ");
        text_json_number(stdout, rn_predictions_probability(p, 0, i));
        printf("}");
    }
    printf("]}\n");
}

static void print_lines(const rn_predictions *p, const char *path, const char *truth, int colours)
{
    text_line(stdout, "%s%s%s%s", path, truth != NULL ? "  (" : "", truth != NULL ? truth : "",
              truth != NULL ? ")" : "");
    for (size_t i = 0; i < rn_predictions_count(p); i++) {
        const char *name = rn_predictions_name(p, 0, i);
        const char *colour = strcmp(name, truth != NULL ? truth : "") == 0 ? "\033[32m" : i == 0 ? "\033[31m" : "";
        const int coloured = colours && truth != NULL && *colour != '\0';

        printf("  %s%6.2f %%  ", coloured ? colour : "", 100 * rn_predictions_probability(p, 0, i));
        text_print(stdout, name);
        printf("%s\n", coloured ? "\033[0m" : "");
    }
}

static void say_what_was_understood(const rn_model *model, const char *checkpoint, int photos, const settings *s)
{
    FILE *report = args_report(s->json);

    text_line(report, "network: %s, %lld classes; weights from %s", rn_model_name(model),
              (long long)rn_model_class_count(model), checkpoint);
    text_line(report, "photos: %d; the %d most probable classes of each", photos, s->top);
    text_line(report, "training: none; each photo goes through %s",
              rn_model_pipeline(model) != NULL ? rn_pipeline_text(rn_model_pipeline(model)) : "nothing");
    fflush(report);
}

static rn_status predict(rn_session *session, const rn_model *model, const char *path, const settings *s)
{
    rn_predictions *predictions = NULL;
    const rn_status status =
        rn_session_predict_file(&predictions, session, path, RN_OPTIONS(rn_predict, .top = s->top));

    if (status != RN_OK)
        return status;
    if (s->json)
        print_json(predictions, path);
    else
        print_lines(predictions, path, true_class(model, path), isatty(STDOUT_FILENO));
    rn_predictions_destroy(predictions);
    return RN_OK;
}

int main(int argc, char **argv)
{
    settings s = { .top = 5 };
    const args_option options[] = {
        { "top", ARGS_COUNT, &s.top, "K", "the K most probable classes (5)" },
        { "threads", ARGS_COUNT, &s.threads, "N", "threads (the CPUs that there are)" },
        { "precision", ARGS_PRECISION, &s.precision, "P", "fp32 or, where the CPU multiplies it, bf16 (fp32)" },
        { "json", ARGS_FLAG, &s.json, NULL, "one JSON object a photo" },
    };
    const args_program program = {
        .name = "predict",
        .usage = "CHECKPOINT PHOTO... [options]",
        .about = "Names what is on the photos. CHECKPOINT is a file that finetune wrote.",
        .options = options,
        .option_count = sizeof options / sizeof options[0],
    };
    rn_context *context = NULL;
    rn_model *model = NULL;
    rn_session *session = NULL;
    rn_status status;
    int answer = args_read(&program, &argc, argv);

    if (answer >= 0)
        return answer;
    if (argc < 3)
        return args_usage(&program, "give a checkpoint and at least one photo");
    if (s.top == 0)
        return args_usage(&program, "--top begins at 1");
    if (!args_context(&context, &program, s.threads, 0, s.precision))
        return args_end(&program, EXIT_FAILED);
    status = rn_model_open(&model, context, argv[1], NULL);
    if (status == RN_OK)
        say_what_was_understood(model, argv[1], argc - 2, &s);
    if (status == RN_OK)
        status = rn_session_create(&session, context, model, NULL);
    for (int i = 2; i < argc && status == RN_OK; i++)
        status = predict(session, model, argv[i], &s);
    answer = status == RN_OK ? 0 : args_failed(&program, status, context);
    rn_session_destroy(session);
    rn_model_destroy(model);
    rn_context_destroy(context);
    return args_end(&program, answer);
}
