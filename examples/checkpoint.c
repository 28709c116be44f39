/* SPDX-License-Identifier: MIT */
/* checkpoint: what is in files of weights, the same in another container, and what differs between two of them. */
#include "checkpoint/commands.h"
#include "common/language.h"
#include "common/programs.h"

#include <string.h>

typedef struct settings {
    const char *format, *dtype;
    checkpoint_command command;
} settings;

/* The container by its name, or else by the ending of the path; -1 if neither says. */
static int find_format(const char *name, const char *path)
{
    static const struct {
        const char *text;
        int format;
    } known[] = { { "safetensors", RN_FORMAT_SAFETENSORS },
                  { "torch", RN_FORMAT_TORCH },
                  { "training", FORMAT_TRAINING },
                  { "pth", RN_FORMAT_TORCH },
                  { "pt", RN_FORMAT_TORCH },
                  { "th", RN_FORMAT_TORCH },
                  { "bin", RN_FORMAT_TORCH } };
    const char *dot = strrchr(path, '.');

    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (name != NULL ? i < 3 && strcmp(name, known[i].text) == 0
                         : i != 1 && i != 2 && dot != NULL && strcmp(dot + 1, known[i].text) == 0)
            return known[i].format;
    return -1;
}

/* Type 0 for no name, -1 for one that is none of a floating type. */
static int find_dtype(const char *name)
{
    for (int dtype = RN_FLOAT32; name != NULL && dtype <= RN_BFLOAT16; dtype++)
        if (strcmp(name, rn_dtype_name((rn_dtype)dtype)) == 0)
            return dtype;
    return name == NULL ? 0 : -1;
}

/* The first option that was given and is another command's; NULL if there is none. */
static const char *misplaced(const settings *s, const char *verb)
{
    const int list = strcmp(verb, "list") == 0, convert = strcmp(verb, "convert") == 0,
              diff = strcmp(verb, "diff") == 0;

    if ((s->format != NULL || s->dtype != NULL) && !convert)
        return N_("--format and --dtype belong to convert");
    if ((s->command.tolerance >= 0 || s->command.no_metadata) && !diff)
        return N_("--tolerance and --no-metadata belong to diff");
    return s->command.full && !list && !diff ? N_("--full belongs to list and diff") : NULL;
}

/* What is wrong with the command line; NULL if nothing is. */
static const char *fault(const settings *s, int argc, char **argv)
{
    const char *verb = argc > 1 ? argv[1] : "";
    const int list = strcmp(verb, "list") == 0, convert = strcmp(verb, "convert") == 0;

    if (!list && !convert && strcmp(verb, "diff") != 0)
        return N_("the first word is list, convert or diff");
    if (list ? argc < 3 : argc != 4)
        return list ? N_("list needs a file") : convert ? N_("convert needs FROM and TO") : N_("diff needs two files");
    if (misplaced(s, verb) != NULL)
        return misplaced(s, verb);
    if (convert && s->format != NULL && find_format(s->format, argv[3]) < 0)
        return N_("--format is safetensors, torch or training");
    if (convert && find_format(s->format, argv[3]) < 0)
        return N_("the ending of TO is none of .safetensors, .pth, .pt, .th, .bin: give --format safetensors or torch");
    if (convert && find_dtype(s->dtype) < 0)
        return N_("--dtype is float32, float16, bfloat16 or float64");
    return NULL;
}

static int run(const settings *s, int argc, char **argv)
{
    const checkpoint_command *c = &s->command;

    if (strcmp(argv[1], "list") == 0)
        return checkpoint_list(c, argc - 2, argv + 2);
    if (strcmp(argv[1], "convert") == 0)
        return checkpoint_convert(c, find_format(s->format, argv[3]), (rn_dtype)find_dtype(s->dtype), argv + 2);
    return checkpoint_diff(c, argv + 2);
}

int checkpoint_main(const char *name, int argc, char **argv)
{
    settings s = { .command.tolerance = -1 };
    const args_option options[] = {
        { "full", ARGS_FLAG, &s.command.full, NULL, "list, diff: long values of metadata, too" },
        { "format", ARGS_TEXT, &s.format, "F", "convert: safetensors, torch (TO's ending), training" },
        { "dtype", ARGS_TEXT, &s.dtype, "T", "convert: float32, float16, bfloat16 or float64" },
        { "tolerance", ARGS_LIMIT, &s.command.tolerance, "X", "diff: numbers at most X apart are equal" },
        { "no-metadata", ARGS_FLAG, &s.command.no_metadata, NULL, "diff: tensors alone are compared" },
        { "json", ARGS_FLAG, &s.command.json, NULL, "JSON lines" },
    };
    const args_program program = {
        .name = name,
        .usage = "list FILE... [options]\nconvert FROM TO [options]\ndiff A B [options]",
        .about = N_("Lists, converts and compares files of weights: safetensors and those of\n"
                    "torch.save. Format training is PyTorch's {'state_dict', 'optimizer', ...}. diff\n"
                    "exits with 0 if the two are equal, 1 if they differ, 2 for trouble. Checksums\n"
                    "are BLAKE2b (b2sum -l 64) of the type's name and the row-major elements."),
        .options = options,
        .option_count = sizeof options / sizeof options[0],
    };
    int answer = args_read(&program, &argc, argv), is_diff;
    const char *what;

    if (answer >= 0)
        return answer;
    if ((what = fault(&s, argc, argv)) != NULL)
        return args_usage(&program, what);
    is_diff = strcmp(argv[1], "diff") == 0;
    s.command.program = &program;
    if (!args_context(&s.command.context, &program, 0, 0, RN_PRECISION_DEFAULT))
        return is_diff ? EXIT_TROUBLE : EXIT_FAILED;
    answer = run(&s, argc, argv);
    rn_context_destroy(s.command.context);
    return args_end(&program, 0) == 0 ? answer : is_diff ? EXIT_TROUBLE : EXIT_FAILED;
}

#ifndef RESNET_ONE_PROGRAM
int main(int argc, char **argv)
{
    return checkpoint_main("checkpoint", argc, argv);
}
#endif
