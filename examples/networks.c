/* SPDX-License-Identifier: MIT */
/* networks: the zoo, a line a network: the size of its input and of itself, what a photo costs, and its head. */
#include "common/args.h"
#include "common/family.h"
#include "common/language.h"
#include "common/programs.h"

#include <inttypes.h>

typedef struct settings {
    int32_t size, classes;
    int json;
} settings;

enum { NUMBER_SIZE = 32 };

/* 11689512 as "11,689,512". */
static const char *group_digits(char text[NUMBER_SIZE], int64_t number)
{
    char digits[NUMBER_SIZE];
    const int length = snprintf(digits, sizeof digits, "%" PRId64, number);
    char *out = text;

    for (int i = 0; i < length; i++) {
        if (i > 0 && (length - i) % 3 == 0)
            *out++ = ',';
        *out++ = digits[i];
    }
    *out = '\0';
    return text;
}

static void print_network(const char *name, const rn_zoo_network *n, int json)
{
    char input[3 * NUMBER_SIZE], numbers[2][NUMBER_SIZE];

    if (!json) {
        snprintf(input, sizeof input, "%" PRId64 " x %" PRId64 " x %" PRId64, n->channels, n->height, n->width);
        printf("%-18s  %-13s  %12s  %15s  %s\n", name, input, group_digits(numbers[0], n->parameters),
               group_digits(numbers[1], n->multiply_adds), n->head);
        return;
    }
    printf("{\"name\": \"%s\", \"input\": [%" PRId64 ", %" PRId64 ", %" PRId64 "], \"classes\": %" PRId64
           ", \"parameters\": %" PRId64 ", \"multiply_adds\": %" PRId64 ", \"head\": \"%s\"}\n",
           name, n->channels, n->height, n->width, n->classes, n->parameters, n->multiply_adds, n->head);
}

static rn_status show(rn_context *context, const char *name, const settings *s)
{
    rn_zoo_network network = { .struct_size = sizeof network };
    const rn_status status = rn_zoo_describe(
        &network, context, name, RN_OPTIONS(rn_model, .class_count = s->classes, .height = s->size, .width = s->size));

    if (status == RN_OK)
        print_network(name, &network, s->json);
    return status;
}

/* The networks that were named, or all. */
static rn_status show_all(rn_context *context, const char *program, int count, char **names, const settings *s)
{
    rn_status status = RN_OK;

    if (!s->json)
        puts(_("network             input            parameters    multiply-adds  head"));
    for (int i = 0; i < count && status == RN_OK; i++) {
        const char *network = names[i];

        family_resolve(&network, program);
        status = show(context, network, s);
    }
    for (size_t i = 0; count == 0 && rn_zoo_name(i) != NULL && status == RN_OK; i++)
        status = show(context, rn_zoo_name(i), s);
    return status;
}

int networks_main(const char *name, int argc, char **argv)
{
    settings s = { 0 };
    const args_option options[] = {
        { "size", ARGS_COUNT, &s.size, "S", "height and width of the photo (the network's own)" },
        { "classes", ARGS_COUNT, &s.classes, "N", "outputs (those of the published weights)" },
        { "json", ARGS_FLAG, &s.json, NULL, "one JSON object a network" },
    };
    const args_program program = {
        .name = name,
        .usage = "[NAME...] [options]",
        .about = N_("Lists the networks that have a name: input, parameters, and the multiply-adds of\n"
                    "convolutions and linear layers for one photo, as papers count them."),
        .options = options,
        .option_count = sizeof options / sizeof options[0],
    };
    rn_context *context = NULL;
    rn_status status;
    int answer = args_read(&program, &argc, argv);

    if (answer >= 0)
        return answer;
    if (!args_context(&context, &program, 0, 0, RN_PRECISION_DEFAULT))
        return args_end(&program, EXIT_FAILED);
    status = show_all(context, name, argc - 1, argv + 1, &s);
    answer = status == RN_OK ? 0 : args_failed(&program, status, context);
    rn_context_destroy(context);
    return args_end(&program, answer);
}

#ifndef RESNET_ONE_PROGRAM
int main(int argc, char **argv)
{
    return networks_main("networks", argc, argv);
}
#endif
