/* SPDX-License-Identifier: MIT */
#include "checkpoint/commands.h"
#include "checkpoint/compare.h"
#include "common/language.h"

#include <float.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static int is_float(rn_dtype dtype)
{
    return dtype == RN_FLOAT16 || dtype == RN_BFLOAT16 || dtype == RN_FLOAT32 || dtype == RN_FLOAT64;
}

typedef struct conversion {
    rn_dtype dtype;   /* 0: every tensor keeps its own */
    size_t converted; /* tensors */
    int64_t infinite; /* elements beyond the range of the type */
    void *scratch;    /* for one tensor in its new type */
    size_t scratch_bytes;
} conversion;

static int changes(const conversion *how, const rn_tensor *tensor)
{
    return how->dtype != 0 && is_float(rn_tensor_dtype(tensor)) && rn_tensor_dtype(tensor) != how->dtype;
}

/* Bytes of the largest tensor that changes, in its new type. */
static size_t largest_change(const conversion *how, const rn_checkpoint *from)
{
    size_t largest = 0;

    for (size_t i = 0; i < rn_checkpoint_count(from); i++) {
        const rn_tensor *tensor = rn_checkpoint_tensor(from, i);
        const size_t nbytes = (size_t)rn_tensor_count(tensor) * rn_dtype_size(how->dtype);

        if (changes(how, tensor) && nbytes > largest)
            largest = nbytes;
    }
    return largest;
}

/* One scratch for all: blocks that come and go between those that stay would leave holes as large as the file. */
static rn_status add_converted(rn_checkpoint *to, conversion *how, rn_context *context, const char *name,
                               const rn_tensor *tensor)
{
    comparison far = { 0, 0, 0 };
    rn_tensor *copy = NULL;
    rn_status status = rn_tensor_wrap(&copy, context, how->dtype, rn_tensor_rank(tensor), rn_tensor_shape(tensor),
                                      RN_ROW_MAJOR, how->scratch, how->scratch_bytes);

    if (status == RN_OK)
        status = rn_tensor_copy(copy, tensor);
    if (status == RN_OK)
        status = compare_tensors(&far, context, tensor, copy, DBL_MAX);
    if (status == RN_OK)
        status = rn_checkpoint_add(to, name, copy);
    rn_tensor_destroy(copy);
    how->converted++;
    how->infinite += far.different;
    return status;
}

static rn_status add_all(rn_checkpoint *made, conversion *how, rn_context *context, const rn_checkpoint *from)
{
    rn_status status = RN_OK;

    for (size_t i = 0; i < rn_checkpoint_count(from) && status == RN_OK; i++) {
        const rn_tensor *tensor = rn_checkpoint_tensor(from, i);
        const char *name = rn_checkpoint_name(from, i);

        status = changes(how, tensor) ? add_converted(made, how, context, name, tensor)
                                      : rn_checkpoint_add(made, name, tensor);
    }
    for (size_t i = 0; i < rn_checkpoint_metadata_count(from) && status == RN_OK; i++) {
        const char *key = rn_checkpoint_metadata_key(from, i);

        status = rn_checkpoint_set_metadata(made, key, rn_checkpoint_metadata(from, key));
    }
    return status;
}

/* A checkpoint of the tensors in their new type; the memory for it is what it holds and one tensor more. */
static rn_status change_types(rn_checkpoint **made, conversion *how, rn_context *context, const rn_checkpoint *from)
{
    rn_status status = rn_checkpoint_create(made, context);

    how->scratch_bytes = largest_change(how, from);
    how->scratch = malloc(how->scratch_bytes + 1);
    if (status == RN_OK && how->scratch == NULL)
        status = RN_NO_MEMORY;
    if (status == RN_OK)
        status = add_all(*made, how, context, from);
    free(how->scratch);
    how->scratch = NULL;
    return status;
}

static int any_changes(const conversion *how, const rn_checkpoint *from)
{
    for (size_t i = 0; i < rn_checkpoint_count(from); i++)
        if (changes(how, rn_checkpoint_tensor(from, i)))
            return 1;
    return 0;
}

static rn_status write_as(const rn_checkpoint *from, const char *path, int format, conversion *how, rn_context *context)
{
    rn_checkpoint *made = NULL;
    rn_status status = RN_OK;

    if (any_changes(how, from))
        status = change_types(&made, how, context, from);
    if (status == RN_OK && format == FORMAT_TRAINING)
        status = rn_training_export(made != NULL ? made : from, path, NULL);
    else if (status == RN_OK)
        status = rn_checkpoint_save(made != NULL ? made : from, path, (rn_format)format, NULL);
    rn_checkpoint_destroy(made);
    return status;
}

static int is_kept(const rn_checkpoint *to, const char *key, const char *value)
{
    const char *kept = rn_checkpoint_metadata(to, key);

    return kept != NULL && strcmp(kept, value) == 0;
}

/* What a container cannot hold is found by looking: `to` is the file that was written. */
static size_t print_left_out(FILE *stream, const rn_checkpoint *from, const rn_checkpoint *to, int json)
{
    size_t count = 0;

    for (size_t i = 0; i < rn_checkpoint_metadata_count(from); i++) {
        const char *key = rn_checkpoint_metadata_key(from, i);

        if (is_kept(to, key, rn_checkpoint_metadata(from, key)))
            continue;
        fputs(count > 0 ? ", " : json ? "" : _("left out: the metadata "), stream);
        if (json)
            text_json_string(stream, key);
        else
            text_print(stream, key);
        count++;
    }
    return count;
}

static void print_conversion(const rn_checkpoint *from, const rn_checkpoint *to, char **paths, const conversion *how,
                             int json)
{
    if (json) {
        printf("{\"from\": ");
        text_json_string(stdout, paths[0]);
        printf(", \"to\": ");
        text_json_string(stdout, paths[1]);
        printf(", \"container\": \"%s\", \"tensors\": %zu, \"converted\": %zu, \"infinite\": %" PRId64
               ", \"metadata_left_out\": [",
               rn_checkpoint_container(to), rn_checkpoint_count(to), how->converted, how->infinite);
        print_left_out(stdout, from, to, json);
        printf("]}\n");
        return;
    }
    text_line(stdout, "%s: %s, %zu tensors, %zu of them converted", paths[1], rn_checkpoint_container(to),
              rn_checkpoint_count(to), how->converted);
    if (print_left_out(stdout, from, to, json) > 0)
        printf(_(", which a file of %s does not hold\n"), rn_checkpoint_container(to));
}

int checkpoint_convert(const checkpoint_command *c, int format, rn_dtype dtype, char **paths)
{
    rn_checkpoint *from = NULL, *to = NULL;
    conversion how = { .dtype = dtype };
    rn_status status = rn_checkpoint_open(&from, c->context, paths[0], NULL);
    int answer = 0;

    if (status == RN_OK)
        status = write_as(from, paths[1], format, &how, c->context);
    if (status == RN_OK)
        status = rn_checkpoint_open(&to, c->context, paths[1], NULL);
    if (status == RN_OK)
        print_conversion(from, to, paths, &how, c->json);
    else
        answer = args_failed(c->program, status, c->context);
    if (status == RN_OK && how.infinite > 0)
        text_line(stderr, "%s: warning: %" PRId64 " elements are beyond the range of %s and became infinite",
                  c->program->name, how.infinite, rn_dtype_name(dtype));
    rn_checkpoint_destroy(from);
    rn_checkpoint_destroy(to);
    return answer;
}
