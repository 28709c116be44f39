/* SPDX-License-Identifier: MIT */
/* Names come last on a line, so that no name, however long or odd, moves the columns. */
#include "checkpoint/blake2b.h"
#include "checkpoint/commands.h"
#include "checkpoint/elements.h"
#include "common/language.h"

#include <inttypes.h>
#include <string.h>

/* Of the type's name and the elements in row-major order: the same in every container and order in memory. */
static void checksum(char text[BLAKE2B_TEXT], const rn_tensor *tensor)
{
    const rn_dtype dtype = rn_tensor_dtype(tensor);
    unsigned char bytes[ELEMENTS_BYTES];
    elements walk;
    blake2b hash;
    size_t count;

    blake2b_begin(&hash);
    blake2b_add(&hash, rn_dtype_name(dtype), strlen(rn_dtype_name(dtype)));
    elements_begin(&walk, tensor);
    while ((count = elements_next(&walk, bytes)) > 0)
        blake2b_add(&hash, bytes, count * rn_dtype_size(dtype));
    blake2b_end(text, &hash);
}

static void print_tensor(const rn_checkpoint *file, size_t index, int json)
{
    const rn_tensor *tensor = rn_checkpoint_tensor(file, index);
    const char *name = rn_checkpoint_name(file, index), *dtype = rn_dtype_name(rn_tensor_dtype(tensor));
    char shape[SHAPE_TEXT], sum[BLAKE2B_TEXT];

    checksum(sum, tensor);
    if (json) {
        printf("%s{\"name\": ", index > 0 ? ", " : "");
        text_json_string(stdout, name);
        printf(", \"dtype\": \"%s\", \"shape\": %s, \"bytes\": %" PRId64 ", \"checksum\": \"%s\"}", dtype,
               show_shape(shape, tensor, "[]"), elements_bytes(tensor), sum);
        return;
    }
    printf("  %s  %-8s  %12" PRId64 "  %-20s  ", sum, dtype, elements_bytes(tensor), show_shape(shape, tensor, "()"));
    text_print(stdout, name);
    printf("\n");
}

static void print_metadata(const rn_checkpoint *file, const checkpoint_command *c)
{
    for (size_t i = 0; i < rn_checkpoint_metadata_count(file); i++) {
        const char *key = rn_checkpoint_metadata_key(file, i), *value = rn_checkpoint_metadata(file, key);

        if (c->json) {
            printf("%s", i > 0 ? ", " : "");
            text_json_string(stdout, key);
            printf(": ");
            text_json_string(stdout, value);
            continue;
        }
        printf("  ");
        text_print(stdout, key);
        printf(": ");
        show_value(value, c->full);
        printf("\n");
    }
}

static void print_file(const rn_checkpoint *file, const char *path, const checkpoint_command *c)
{
    const size_t count = rn_checkpoint_count(file), texts = rn_checkpoint_metadata_count(file);
    int64_t numbers = 0, bytes = 0;

    for (size_t i = 0; i < count; i++) {
        numbers += rn_tensor_count(rn_checkpoint_tensor(file, i));
        bytes += elements_bytes(rn_checkpoint_tensor(file, i));
    }
    if (c->json) {
        printf("{\"file\": ");
        text_json_string(stdout, path);
        printf(", \"container\": \"%s\", \"elements\": %" PRId64 ", \"bytes\": %" PRId64 ", \"tensors\": [",
               rn_checkpoint_container(file), numbers, bytes);
    } else {
        text_print(stdout, path);
        printf(_(": %s, %zu tensors, %lld elements, %lld bytes; metadata: %zu\n"), rn_checkpoint_container(file), count,
               (long long)numbers, (long long)bytes, texts);
    }
    for (size_t i = 0; i < count; i++)
        print_tensor(file, i, c->json);
    printf("%s", c->json ? "], \"metadata\": {" : "");
    print_metadata(file, c);
    printf("%s", c->json ? "}}\n" : "");
}

/* A file that cannot be read does not hide those behind it. */
int checkpoint_list(const checkpoint_command *c, int count, char **paths)
{
    int answer = 0;

    for (int i = 0; i < count; i++) {
        rn_checkpoint *file = NULL;
        const rn_status status = rn_checkpoint_open(&file, c->context, paths[i], NULL);

        if (status == RN_OK)
            print_file(file, paths[i], c);
        else
            answer = args_failed(c->program, status, c->context);
        rn_checkpoint_destroy(file);
    }
    return answer;
}
