/* SPDX-License-Identifier: MIT */
/* resnet: the programs as one, chosen by the first word. */
#include "common/args.h"
#include "common/language.h"
#include "common/programs.h"

#include <string.h>

typedef struct command {
    const char *word, *name;
    int (*run)(const char *name, int argc, char **argv);
    const char *about;
} command;

static const command commands[] = {
    { "train", "resnet train", finetune_main, N_("teach a network the classes of your photos") },
    { "evaluate", "resnet evaluate", evaluate_main, N_("accuracy over a folder of photos, class by class") },
    { "report", "resnet report", report_main, N_("a run as one HTML file: curves, confusions, photos") },
    { "predict", "resnet predict", predict_main, N_("name what is on photos") },
    { "list", "resnet list", networks_main, N_("the networks that have a name") },
    { "summary", "resnet summary", summary_main, N_("the layers of a network") },
    { "checkpoint", "resnet checkpoint", checkpoint_main, N_("list, convert and compare files of weights") },
    { "bench", "resnet bench", bench_main, N_("images a second, and memory") },
};

enum { COMMANDS = sizeof commands / sizeof commands[0] };

static int print_help(const args_program *program)
{
    printf("%s", _("usage: resnet COMMAND [arguments]\n\n"
                   "Fine-tunes and runs torchvision's networks (resnet list has their names).\n\n"));
    for (int i = 0; i < COMMANDS; i++)
        printf("  %-24s %s\n", commands[i].word, _(commands[i].about));
    printf("%s", _("  COMMAND --help           what the command takes\n"));
    printf("  %-24s %s\n", "--version", _("print the version and stop"));
    printf("  %-24s %s\n", "--help", _("print this and stop"));
    printf("%s", _("\nfor example\n"
                   "  resnet train flower_data --arch resnet18 --weights resnet18-f37072fd.pth\n"
                   "  resnet evaluate run/best.safetensors flower_data/valid --per-class\n"
                   "  resnet predict run/best.safetensors photo.jpg\n\n"
                   "Exit status: 0; 1 failure, or a photo could not be used; 2 wrong usage; 130\n"
                   "and 143 a training that was stopped and saved. checkpoint diff: 1 different.\n"));
    return args_end(program, 0);
}

static const command *find(const char *word)
{
    for (int i = 0; i < COMMANDS; i++)
        if (strcmp(commands[i].word, word) == 0)
            return &commands[i];
    return NULL;
}

int main(int argc, char **argv)
{
    static char help[] = "--help";
    const args_program program = { .name = "resnet" };
    const command *chosen;
    const char *word;
    char what[256];
    int asks;

    args_begin(argv);
    if (argc < 2)
        return args_usage(&program, "give a command");
    asks = strcmp(argv[1], "help") == 0;
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || (asks && argc == 2))
        return print_help(&program);
    if (strcmp(argv[1], "--version") == 0) {
        printf("resnet %s\n", rn_version());
        return args_end(&program, 0);
    }
    word = argv[asks ? 2 : 1];
    chosen = find(word);
    if (chosen == NULL) {
        snprintf(what, sizeof what, _("there is no command %.100s"), word);
        return args_usage(&program, what);
    }
    if (asks)
        return chosen->run(chosen->name, 2, (char *[]){ argv[0], help, NULL });
    argv[1] = argv[0];
    return chosen->run(chosen->name, argc - 1, argv + 1);
}
