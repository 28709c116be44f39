/* SPDX-License-Identifier: MIT */
/*
 * predict: what is on these photos? Names and probabilities; on a terminal green where the photo's folder says the
 * same, red where not.
 */
#define _POSIX_C_SOURCE 200809L
#include "common/args.h"
#include "common/classifier.h"
#include "common/language.h"
#include "common/photos.h"
#include "common/programs.h"
#include "common/terminal.h"

#include <limits.h>
#include <string.h>

typedef struct settings {
    classifier classifier;
    int32_t top, threads;
    rn_precision precision;
    int all, json, csv;
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

/* A record for each answer. */
static void print_csv(const rn_predictions *p, const char *path)
{
    for (size_t i = 0; i < rn_predictions_count(p); i++) {
        const char *folder = rn_predictions_folder(p, 0, i);

        text_csv(stdout, path);
        printf(",%zu,%lld,", i + 1, (long long)rn_predictions_index(p, 0, i));
        text_csv(stdout, folder != NULL ? folder : "");
        putchar(',');
        text_csv(stdout, rn_predictions_name(p, 0, i));
        printf(",%.9g\r\n", rn_predictions_probability(p, 0, i));
    }
}

static void print_error(const char *path, const char *why)
{
    printf("{\"photo\": ");
    text_json_string(stdout, path);
    printf(", \"error\": ");
    text_json_string(stdout, why);
    printf("}\n");
}

static void say_what_was_understood(const rn_model *model, const photo_list *list, const settings *s)
{
    FILE *report = args_report(s->json || s->csv);
    char text[4096];

    text_line(report, "network: %s, %lld classes; %s", rn_model_name(model), (long long)rn_model_class_count(model),
              weights_text(text, sizeof text, &s->classifier.weights));
    text_line(report,
              ngettext("photos: %zu; the %d most probable class of each%s",
                       "photos: %zu; the %d most probable classes of each%s", (unsigned long)s->top),
              list->count, s->top,
              list->passed_over > 0 ? _("; pictures of kinds that are not read, such as GIF and HEIC, are passed over")
                                    : "");
    text_line(report, "training: none; each photo goes through %s",
              rn_model_pipeline(model) != NULL ? rn_pipeline_text(rn_model_pipeline(model)) : _("nothing"));
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
    else if (s->csv)
        print_csv(predictions, path);
    else
        print_lines(predictions, path, true_class(model, path), terminal_has_colours(stdout));
    rn_predictions_destroy(predictions);
    return RN_OK;
}

/* What is wrong with one photo is no reason to leave the others. */
static int is_the_photos(rn_status status)
{
    return status == RN_IO || status == RN_FORMAT || status == RN_UNSUPPORTED || status == RN_SHAPE;
}

static int predict_all(const args_program *program, rn_context *context, const rn_model *model, rn_session *session,
                       const photo_list *list, const settings *s)
{
    size_t bad = 0;

    if (s->csv)
        printf("photo,rank,index,folder,name,probability\r\n");
    for (size_t i = 0; i < list->count; i++) {
        const rn_status status = predict(session, model, list->path[i], s);

        if (status == RN_OK)
            continue;
        if (!is_the_photos(status))
            return args_failed(program, status, context);
        bad++;
        fflush(stdout); /* the line comes where the photo would have */
        args_failed(program, status, context);
        if (s->json)
            print_error(list->path[i], rn_context_message(context));
    }
    if (bad > 0 && list->count > 1)
        text_line(stderr, "%s: %zu of %zu photos cannot be used", program->name, bad, list->count);
    return bad > 0 ? EXIT_FAILED : 0;
}

/* The photos of the command line; 0 after a line that says why there are none. */
static int find_photos(photo_list *list, const args_program *program, int count, char **paths)
{
    for (int i = 0; i < count; i++) {
        const int error = photos_add(list, paths[i]);

        if (error == 0)
            continue;
        text_line(stderr, "%s: %s: %s", program->name, paths[i], strerror(error));
        return 0;
    }
    if (list->count > 0)
        return 1;
    text_line(stderr,
              "%s: there is no photo (.jpg .png .bmp .webp .tif ...) in %s; %zu pictures of other kinds: convert them",
              program->name, paths[0], list->passed_over);
    return 0;
}

static int run(const args_program *program, settings *s, int count, char **paths)
{
    rn_context *context = NULL;
    rn_model *model = NULL;
    rn_session *session = NULL;
    photo_list list = { 0 };
    rn_status status;
    int answer = EXIT_FAILED;

    if (!find_photos(&list, program, count, paths) || !args_context(&context, program, s->threads, 0, s->precision))
        goto out;
    if (!classifier_open(&model, context, &s->classifier, program))
        goto out;
    if (s->all || s->top > rn_model_class_count(model))
        s->top = rn_model_class_count(model) < INT32_MAX ? (int32_t)rn_model_class_count(model) : INT32_MAX;
    say_what_was_understood(model, &list, s);
    status = rn_session_create(&session, context, model, NULL);
    answer = status == RN_OK ? predict_all(program, context, model, session, &list, s)
                             : args_failed(program, status, context);
out:
    rn_session_destroy(session);
    rn_model_destroy(model);
    rn_context_destroy(context);
    photos_release(&list);
    return answer;
}

int predict_main(const char *name, int argc, char **argv)
{
    settings s = { .top = 5 };
    weights *const w = &s.classifier.weights;
    const args_option options[] = {
        { "top", ARGS_COUNT, &s.top, "K", "the K most probable classes (5)" },
        { "all", ARGS_FLAG, &s.all, NULL, "all classes" },
        { "csv", ARGS_FLAG, &s.csv, NULL, "CSV: photo, rank, index, folder, name, probability" },
        { "json", ARGS_FLAG, &s.json, NULL, "one JSON object a photo" },
        { "arch", ARGS_TEXT, &s.classifier.arch, "A", "the network, if the file does not say it" },
        { "classes", ARGS_TEXT, &s.classifier.classes, "PATH", "class names: a text file, or training's folder" },
        { "labels", ARGS_TEXT, &s.classifier.labels, "FILE", "JSON of names by folder, as cat_to_name.json" },
        { "threads", ARGS_COUNT, &s.threads, "N", "threads (the CPUs that there are)" },
        { "precision", ARGS_PRECISION, &s.precision, "P", "fp32 or, where the CPU multiplies it, bf16 (fp32)" },
        ARGS_MORE,
        { "prefix", ARGS_TEXT, &w->prefix, "NAME", "which network of the file, where it holds several" },
        { "rename", ARGS_TEXT, &w->rename, "FROM=TO,...", "other names for the file's; FROM alone leaves out" },
    };
    const args_program program = {
        .name = name,
        .usage = "CHECKPOINT PHOTO... [options]",
        .about = N_("Names what is on the photos; a folder stands for all photos below it. CHECKPOINT\n"
                    "is a file that training wrote, or a PyTorch file of weights.\n"
                    "Exit status: 0; 1 failure, or a photo could not be used; 2 wrong usage."),
        .options = options,
        .option_count = sizeof options / sizeof options[0],
    };
    int answer = args_read(&program, &argc, argv);

    if (answer >= 0)
        return answer;
    if (argc < 3)
        return args_usage(&program, "give a checkpoint and at least one photo, or a folder of photos");
    if (s.top == 0)
        return args_usage(&program, "--top begins at 1");
    if (s.json && s.csv)
        return args_usage(&program, "--json or --csv, not both");
    s.classifier.weights.path = argv[1];
    return args_end(&program, run(&program, &s, argc - 2, argv + 2));
}

#ifndef RESNET_ONE_PROGRAM
int main(int argc, char **argv)
{
    return predict_main("predict", argc, argv);
}
#endif
