/* SPDX-License-Identifier: MIT */
/* summary: the layers of a network, what comes out of each, and its parameters. */
#include "common/args.h"
#include "common/classifier.h"
#include "common/family.h"
#include "common/language.h"
#include "common/programs.h"

#include <stdlib.h>
#include <string.h>

typedef struct settings {
    int32_t classes;
    int frozen;
} settings;

static int is_network(const char *name)
{
    for (size_t i = 0; rn_zoo_name(i) != NULL; i++)
        if (strcmp(rn_zoo_name(i), name) == 0)
            return 1;
    return 0;
}

static rn_status print(const rn_model *model)
{
    size_t length;
    char *text;
    rn_status status = rn_model_summary(model, NULL, 0, &length);

    if (status != RN_OK)
        return status;
    text = malloc(length + 1);
    if (text == NULL)
        return RN_NO_MEMORY;
    status = rn_model_summary(model, text, length + 1, NULL);
    if (status == RN_OK)
        fputs(text, stdout);
    free(text);
    return status;
}

static int run(const args_program *program, const char *what, const settings *s)
{
    classifier c = { .weights.path = what, .numbers_do = 1 };
    rn_context *context = NULL;
    rn_model *model = NULL;
    rn_status status = RN_OK;
    int answer = EXIT_FAILED;

    family_resolve(&what, program->name);
    if (!args_context(&context, program, 0, 0, RN_PRECISION_DEFAULT))
        return EXIT_FAILED;
    if (is_network(what))
        status = rn_model_create(&model, context, what, RN_OPTIONS(rn_model, .class_count = s->classes));
    else if (!classifier_open(&model, context, &c, program))
        goto out;
    if (status == RN_OK && s->frozen)
        status = rn_model_freeze_backbone(model);
    if (status == RN_OK)
        status = print(model);
    answer = status == RN_OK ? 0 : args_failed(program, status, context);
out:
    rn_model_destroy(model);
    rn_context_destroy(context);
    return answer;
}

int summary_main(const char *name, int argc, char **argv)
{
    settings s = { 0 };
    const args_option options[] = {
        { "classes", ARGS_COUNT, &s.classes, "N", "outputs of NETWORK (the published weights')" },
        { "frozen", ARGS_FLAG, &s.frozen, NULL, "with the backbone frozen, as training begins" },
    };
    const args_program program = {
        .name = name,
        .usage = "NETWORK [options]\nCHECKPOINT [options]",
        .about = N_("The layers of a network: what comes out of each, its parameters, and whether\n"
                    "they are trained. NETWORK is a name that list has."),
        .options = options,
        .option_count = sizeof options / sizeof options[0],
    };
    const int answer = args_read(&program, &argc, argv);

    if (answer >= 0)
        return answer;
    if (argc != 2)
        return args_usage(&program, "give the name of a network, or a checkpoint");
    return args_end(&program, run(&program, argv[1], &s));
}

#ifndef RESNET_ONE_PROGRAM
int main(int argc, char **argv)
{
    return summary_main("summary", argc, argv);
}
#endif
