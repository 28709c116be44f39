/* SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "common/config.h"

#include <cJSON.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FOLDER "data" /* what is no option: the argument */

struct config {
    const char *path;
    cJSON *json;
};

enum { MOST_BYTES = 1 << 20, NUMBER_SIZE = 32 };

/* ---- reading ----------------------------------------------------------------------------------------------------- */

/* The bytes of a file, and a zero behind them; the caller frees. NULL after a line on stderr. */
static char *read_whole(const args_program *program, const char *path)
{
    FILE *const file = fopen(path, "rb");
    char *const text = malloc(MOST_BYTES + 1);
    size_t size = 0;
    int error = file == NULL || text == NULL ? errno : 0;

    if (error == 0) {
        size = fread(text, 1, MOST_BYTES, file);
        error = ferror(file) ? errno : size == MOST_BYTES ? EFBIG : 0;
    }
    if (error == 0)
        text[size] = '\0';
    else
        text_line(stderr, "%s: %s: %s", program->name, path, strerror(error));
    if (file != NULL)
        fclose(file);
    if (error == 0)
        return text;
    free(text);
    return NULL;
}

static cJSON *parse(const args_program *program, const char *path, const char *text)
{
    const char *stop = NULL;
    cJSON *const json = cJSON_ParseWithOpts(text, &stop, 1);
    int line = 1;

    if (cJSON_IsObject(json))
        return json;
    for (const char *at = text; json == NULL && stop != NULL && at < stop; at++)
        line += *at == '\n';
    if (json == NULL)
        text_line(stderr, "%s: %s, line %d: this is no JSON", program->name, path, line);
    else
        text_line(stderr, "%s: %s: an object of options is expected: { \"epochs\": 10, ... }", program->name, path);
    cJSON_Delete(json);
    return NULL;
}

/* As it would stand on the command line; NULL: neither a text, a number, true nor false. */
static const char *value_text(char number[NUMBER_SIZE], const cJSON *item)
{
    if (cJSON_IsString(item))
        return item->valuestring;
    if (cJSON_IsBool(item))
        return cJSON_IsTrue(item) ? "true" : "false";
    if (!cJSON_IsNumber(item))
        return NULL;
    snprintf(number, NUMBER_SIZE, "%.17g", item->valuedouble);
    return number;
}

/* Sets one option; false after a line on stderr. */
static int set(const args_program *program, const char *path, const cJSON *item, const char **folder)
{
    const args_option *const option = args_find(program, item->string, strlen(item->string));
    const int is_folder = strcmp(item->string, FOLDER) == 0;
    const args_kind kind = option != NULL ? option->kind : ARGS_TEXT;
    char number[NUMBER_SIZE];
    const char *const value = value_text(number, item);

    if (option == NULL && !is_folder)
        text_line(stderr, "%s: %s: there is no option \"%s\"; the nearest is \"%s\"", program->name, path, item->string,
                  args_nearest(program, item->string, strlen(item->string)));
    else if (kind == ARGS_TEXT && !cJSON_IsString(item))
        text_line(stderr, "%s: %s: \"%s\" is to be a text in quotes", program->name, path, item->string);
    else if (kind == ARGS_FLAG && !cJSON_IsBool(item))
        text_line(stderr, "%s: %s: \"%s\" is to be true or false", program->name, path, item->string);
    else if (value == NULL || (kind != ARGS_FLAG && cJSON_IsBool(item)))
        text_line(stderr, "%s: %s: \"%s\" is to be a number", program->name, path, item->string);
    else if (is_folder)
        return (*folder = value) != NULL;
    else
        return args_set(program, option, value) < 0;
    return 0;
}

config *config_read(const args_program *program, const char *path)
{
    char *const text = read_whole(program, path);
    config *const c = text != NULL ? calloc(1, sizeof *c) : NULL;

    if (c != NULL) {
        c->path = path;
        c->json = parse(program, path, text);
    }
    free(text);
    if (c != NULL && c->json != NULL)
        return c;
    free(c);
    return NULL;
}

int config_apply(const config *c, const args_program *program, const char **folder)
{
    for (const cJSON *item = c->json->child; item != NULL; item = item->next) {
        for (const cJSON *other = c->json->child; other != item; other = other->next) {
            if (strcmp(item->string, other->string) != 0)
                continue;
            text_line(stderr, "%s: %s: \"%s\" is there twice", program->name, c->path, item->string);
            return EXIT_USAGE;
        }
        if (!set(program, c->path, item, folder))
            return EXIT_USAGE;
    }
    return -1;
}

const char *config_text(const config *c, const char *name)
{
    return c != NULL ? cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(c->json, name)) : NULL;
}

void config_free(config *c)
{
    if (c == NULL)
        return;
    cJSON_Delete(c->json);
    free(c);
}

/* ---- writing ----------------------------------------------------------------------------------------------------- */

static int is_among(const char *name, const char *const *names)
{
    for (; *names != NULL; names++)
        if (strcmp(name, *names) == 0)
            return 1;
    return 0;
}

/* A value that the reader would refuse stands for one that was not given. */
static int is_set(const args_option *option)
{
    switch (option->kind) {
    case ARGS_FLAG: return *(const int *)option->value;
    case ARGS_TEXT: return *(const char *const *)option->value != NULL;
    case ARGS_COUNT: return *(const int32_t *)option->value >= 0;
    case ARGS_NUMBER: return *(const double *)option->value > 0;
    case ARGS_BYTES: return *(const size_t *)option->value > 0;
    case ARGS_PRECISION: return *(const rn_precision *)option->value != RN_PRECISION_DEFAULT;
    default: return 1;
    }
}

static void print_value(FILE *file, const args_option *option)
{
    switch (option->kind) {
    case ARGS_FLAG: fputs(*(const int *)option->value ? "true" : "false", file); break;
    case ARGS_TEXT: text_json_string(file, *(const char *const *)option->value); break;
    case ARGS_COUNT: fprintf(file, "%" PRId32, *(const int32_t *)option->value); break;
    case ARGS_SEED: /* more digits than readers of JSON keep */
        fprintf(file, "\"%" PRIu64 "\"", *(const uint64_t *)option->value);
        break;
    case ARGS_NUMBER:
    case ARGS_LIMIT: fprintf(file, "%.17g", *(const double *)option->value); break;
    case ARGS_BYTES: fprintf(file, "\"%zu\"", *(const size_t *)option->value); break;
    case ARGS_PRECISION:
        fputs(*(const rn_precision *)option->value == RN_PRECISION_BFLOAT16 ? "\"bf16\"" : "\"fp32\"", file);
        break;
    }
}

static void print_all(FILE *file, const args_program *program, const char *folder, const char *const *without)
{
    fprintf(file, "{\n  \"" FOLDER "\": ");
    text_json_string(file, folder);
    for (size_t i = 0; i < program->option_count; i++) {
        const args_option *const option = &program->options[i];

        if (option->name == NULL || is_among(option->name, without) || !is_set(option))
            continue;
        fprintf(file, ",\n  \"%s\": ", option->name);
        print_value(file, option);
    }
    fprintf(file, "\n}\n");
}

int config_write(const args_program *program, const char *directory, const char *folder, const char *const *without)
{
    const size_t size = strlen(directory) + sizeof "/config.json.new";
    char *const path = malloc(size), *const beside = malloc(size);
    FILE *file = NULL;
    int error = path == NULL || beside == NULL ? ENOMEM : 0;

    if (error == 0) {
        snprintf(path, size, "%s/config.json", directory);
        snprintf(beside, size, "%s/config.json.new", directory);
        file = fopen(beside, "w");
        error = file == NULL ? errno : 0;
    }
    if (error == 0) {
        print_all(file, program, folder, without);
        error = fflush(file) != 0 || ferror(file) || fsync(fileno(file)) != 0 ? errno : 0;
    }
    if (file != NULL && fclose(file) != 0 && error == 0)
        error = errno;
    if (error == 0 && rename(beside, path) != 0)
        error = errno;
    if (error != 0)
        text_line(stderr, "%s: %s/config.json cannot be written: %s", program->name, directory, strerror(error));
    free(beside);
    free(path);
    return error == 0;
}
