/* SPDX-License-Identifier: MIT */
/* Where in a file a state dict of PyTorch's optimizers and schedulers lies: its keys are metadata with dotted names. */
#include "store/torch_state.h"

#include "base/json.h"

#include <stdio.h>
#include <string.h>

enum { SHOWN = 512 };

static rn_status no_memory(rn_context *context)
{
    return rn_fail(&context->message, RN_NO_MEMORY, "no memory for the state of PyTorch's optimizer");
}

/* True if the key ends in the suffix, between dots; *length is what stands before it. */
static bool ends_in(size_t *length, const char *key, const char *suffix)
{
    const size_t all = strlen(key), tail = strlen(suffix);

    if (all < tail || strcmp(key + all - tail, suffix) != 0 || (all > tail && key[all - tail - 1] != '.'))
        return false;
    *length = all - tail;
    return true;
}

static rn_status take_prefix(char **prefix, rn_context *context, const char *text, size_t length)
{
    *prefix = rn_allocate(&context->allocator, length + 2);
    if (*prefix == NULL)
        return no_memory(context);
    memcpy(*prefix, text, length);
    if (length > 0 && text[length - 1] != '.')
        (*prefix)[length++] = '.';
    (*prefix)[length] = '\0';
    return RN_OK;
}

static bool holds(const rn_checkpoint *file, const char *prefix, const char *suffix, bool *no_memory_left)
{
    const rn_allocator *const allocator = &file->context->allocator;
    const size_t nbytes = strlen(prefix) + strlen(suffix) + 1;
    char *const key = rn_allocate(allocator, nbytes);
    bool there = false;

    *no_memory_left = key == NULL;
    if (key != NULL) {
        snprintf(key, nbytes, "%s%s", prefix, suffix);
        there = rn_checkpoint_metadata(file, key) != NULL;
    }
    rn_release(allocator, key);
    return there;
}

static rn_status take_chosen(char **prefix, rn_context *context, const rn_checkpoint *file, const char *chosen,
                             const char *suffix, const char *what)
{
    rn_status status = take_prefix(prefix, context, chosen, strlen(chosen));
    bool no_memory_left;

    if (status != RN_OK || holds(file, *prefix, suffix, &no_memory_left))
        return status;
    return no_memory_left
               ? no_memory(context)
               : rn_fail(&context->message, RN_INVALID_ARGUMENT, "the file holds no %s at '%s'", what, chosen);
}

/* Adds a candidate to the text that lists them. */
static void show(char text[SHOWN], const char *key, size_t length)
{
    const size_t used = strlen(text);

    snprintf(text + used, SHOWN - used, "%s'%.*s'", used > 0 ? ", " : "", (int)(length > 64 ? 64 : length), key);
}

rn_status rn_torch_locate(char **prefix, rn_context *context, const rn_checkpoint *file, const char *chosen,
                          const char *suffix, const char *what)
{
    const char *first = NULL;
    char shown[SHOWN] = "";
    size_t candidates = 0, first_length = 0, length;

    *prefix = NULL;
    if (chosen != NULL)
        return take_chosen(prefix, context, file, chosen, suffix, what);
    for (size_t i = 0; i < rn_checkpoint_metadata_count(file); i++) {
        const char *const key = rn_checkpoint_metadata_key(file, i);

        if (!ends_in(&length, key, suffix))
            continue;
        show(shown, key, length > 0 ? length - 1 : 0);
        if (candidates++ == 0) {
            first = key;
            first_length = length;
        }
    }
    if (candidates == 1)
        return take_prefix(prefix, context, first, first_length);
    return candidates == 0 ? rn_fail(&context->message, RN_FORMAT,
                                     "the file holds no %s, neither this library's nor PyTorch's", what)
                           : rn_fail(&context->message, RN_INVALID_ARGUMENT,
                                     "the file holds more than one %s, at %s: the option prefix chooses", what, shown);
}

rn_status rn_torch_number(double *value, bool *found, rn_context *context, const char *text)
{
    const bool truth = text != NULL && (strcmp(text, "true") == 0 || strcmp(text, "false") == 0);
    rn_json *json = NULL;
    rn_status status;

    *found = truth;
    if (truth)
        *value = text[0] == 't';
    if (truth || text == NULL || strchr("-0123456789", text[0]) == NULL)
        return RN_OK;
    status = rn_json_parse(&json, text, strlen(text), &context->message);
    *found = status == RN_OK && rn_json_number(value, json);
    rn_json_destroy(json);
    return status == RN_FORMAT ? RN_OK : status;
}
