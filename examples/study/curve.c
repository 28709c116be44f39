/* SPDX-License-Identifier: MIT */
#include "study/curve.h"
#include "common/text.h"

#include <resnet/resnet.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { LINE_SIZE = 4096 };

int curve_name(curve *c, const char *name)
{
    static const char *const kinds[] = { "cifar_resnet", "cifar_plain" };
    size_t known = 0;

    while (rn_zoo_name(known) != NULL && strcmp(rn_zoo_name(known), name) != 0)
        known++;
    if (rn_zoo_name(known) == NULL || strlen(name) >= sizeof c->network)
        return 0;
    for (int plain = 0; plain < 2; plain++) {
        const size_t length = strlen(kinds[plain]);

        if (strncmp(name, kinds[plain], length) != 0)
            continue;
        memcpy(c->network, name, strlen(name) + 1);
        c->depth = (int32_t)strtol(name + length, NULL, 10);
        c->plain = plain;
        return 1;
    }
    return 0;
}

/* The number behind "key": in a line that a trainer wrote, whose values hold no quotes; NaN if there is none. */
static double number_of(const char *line, const char *key)
{
    const char *at = strstr(line, key);

    if (at == NULL)
        return NAN;
    at += strlen(key);
    return *at == '"' && at[1] == ':' ? strtod(at + 2, NULL) : NAN;
}

static curve_point read_point(const char *line)
{
    return (curve_point){
        .train_error = 100 * (1 - number_of(line, "\"train_accuracy")),
        .test_error = 100 * (1 - number_of(line, "\"valid_accuracy")),
        .train_loss = number_of(line, "\"train_loss"),
        .lr = number_of(line, "\"lr"),
        .seconds = NAN,
    };
}

void curve_read(curve *c, const char *history)
{
    FILE *file = fopen(history, "r");
    char line[LINE_SIZE];
    size_t row = 0;

    if (file == NULL)
        return;
    while (c->count < CURVE_EPOCHS && fgets(line, sizeof line, file) != NULL)
        if (row++ == c->count)
            c->points[c->count++] = read_point(line);
    fclose(file);
}

static void print_point(const curve *c, size_t epoch, FILE *stream)
{
    const curve_point *p = &c->points[epoch];
    const struct {
        const char *name;
        double value;
    } fields[] = {
        { "depth", c->depth },           { "epoch", (double)epoch + 1 },  { "train_error", p->train_error },
        { "test_error", p->test_error }, { "train_loss", p->train_loss }, { "lr", p->lr },
        { "seconds", p->seconds },
    };

    fputs("{\"network\": ", stream);
    text_json_string(stream, c->network);
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        fprintf(stream, ", \"%s\": ", fields[i].name);
        text_json_number(stream, fields[i].value);
    }
    fputs("}\n", stream);
}

void curve_print(curve *c, FILE *stream)
{
    for (; c->printed < c->count; c->printed++)
        print_point(c, c->printed, stream);
    fflush(stream);
}
