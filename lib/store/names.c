/* SPDX-License-Identifier: MIT */
#include "store/names.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

static const char *const wrappers[RN_WRAPPERS] = { "module", "_orig_mod", "_fsdp_wrapped_module",
                                                   "_checkpoint_wrapped_module" };

static rn_status fail_memory(rn_context *context)
{
    return rn_fail(&context->message, RN_NO_MEMORY, "no memory for the names of a file");
}

bool rn_name_begins(const char *name, const char *words, size_t length)
{
    return strncmp(name, words, length) == 0 && (length == 0 || name[length] == '.' || name[length] == '\0');
}

/* ---- what the caller calls them -------------------------------------------------------------------------------- */

static size_t length_without_dot(const char *words)
{
    const size_t length = strlen(words);

    return length > 0 && words[length - 1] == '.' ? length - 1 : length;
}

/* The name with another beginning, allocated; empty if nothing is left of it. */
static char *replace_beginning(const rn_allocator *allocator, const char *name, const rn_rename *rename)
{
    const size_t from = length_without_dot(rename->from), to = length_without_dot(rename->to);
    const char *const rest = name + from + (from > 0 && name[from] == '.');
    char *const text = rn_allocate(allocator, to + strlen(rest) + 2);

    if (text == NULL)
        return NULL;
    memcpy(text, rename->to, to);
    text[to] = '\0';
    if (to > 0 && rest[0] != '\0')
        strcat(text, ".");
    strcat(text, rest);
    return text;
}

static const rn_rename *rename_of(const char *name, const rn_load_options *options)
{
    for (size_t i = 0; i < options->rename_count; i++) {
        if (rn_name_begins(name, options->rename[i].from, length_without_dot(options->rename[i].from)))
            return &options->rename[i];
    }
    return NULL;
}

static rn_status check_renames(rn_context *context, const rn_load_options *options)
{
    if (options->rename_count > 0 && options->rename == NULL)
        return rn_fail(&context->message, RN_INVALID_ARGUMENT, "rn_load_options.rename is NULL");
    for (size_t i = 0; i < options->rename_count; i++) {
        if (options->rename[i].from == NULL)
            return rn_fail(&context->message, RN_INVALID_ARGUMENT, "rn_load_options.rename[%zu].from is NULL", i);
    }
    return RN_OK;
}

static void warn_of_idle_renames(rn_context *context, const bool *used, const rn_load_options *options,
                                 const char *path)
{
    for (size_t i = 0; i < options->rename_count; i++) {
        if (!used[i])
            rn_context_log(context, RN_LOG_WARNING, "%s: no name is renamed from '%s'", path, options->rename[i].from);
    }
}

static rn_status give_names(rn_file_names *names, rn_context *context, const rn_load_options *options, const char *path)
{
    bool *const used = rn_allocate_zeroed(names->allocator, options->rename_count, sizeof *used);
    rn_status status = used != NULL ? RN_OK : fail_memory(context);

    for (size_t i = 0; status == RN_OK && i < rn_checkpoint_count(names->file); i++) {
        const char *const name = rn_checkpoint_name(names->file, i);
        const rn_rename *const rename = rename_of(name, options);

        if (rename == NULL)
            continue;
        used[rename - options->rename] = true;
        names->left_out[i] = rename->to == NULL;
        if (rename->to == NULL)
            continue;
        names->given[i] = replace_beginning(names->allocator, name, rename);
        if (names->given[i] == NULL)
            status = fail_memory(context);
        else if (names->given[i][0] == '\0')
            status = rn_fail(&context->message, RN_INVALID_ARGUMENT, "%s: renaming leaves nothing of '%s'", path, name);
    }
    if (status == RN_OK)
        warn_of_idle_renames(context, used, options, path);
    rn_release(names->allocator, used);
    return status;
}

/* ---- what others wrote into them ------------------------------------------------------------------------------- */

/* The length of the wrapper's word and dot that `at` begins with, or 0. */
static size_t wrapper_length(const bool *strips, const char *at)
{
    for (int i = 0; i < RN_WRAPPERS; i++) {
        const size_t length = strlen(wrappers[i]);

        if (strips[i] && strncmp(at, wrappers[i], length) == 0 && at[length] == '.')
            return length + 1;
    }
    return 0;
}

/* Copies `name` without wrappers; `out` has room for all of it. */
static void strip(char *out, const bool *strips, const char *name)
{
    while (*name != '\0') {
        const size_t skipped = wrapper_length(strips, name);
        const char *const dot = strchr(name, '.');
        const size_t length = dot != NULL ? (size_t)(dot - name) + 1 : strlen(name);

        if (skipped == 0) {
            memcpy(out, name, length);
            out += length;
        }
        name += skipped != 0 ? skipped : length;
    }
    *out = '\0';
}

/* The word before `end` (a dot or the final zero) in `name`. */
static const char *word_before(const char *name, const char *end)
{
    while (end > name && end[-1] != '.')
        end--;
    return end;
}

static bool is_one_of(const char *word, size_t length, const char *const *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (strlen(list[i]) == length && strncmp(word, list[i], length) == 0)
            return true;
    }
    return false;
}

/* "denselayer" and a number, at the end of what may have other letters before it. */
static bool is_dense_layer(const char *word, const char *end)
{
    static const char known[] = "denselayer";
    const size_t length = sizeof known - 1;
    const char *digits = end;

    while (digits > word && isdigit((unsigned char)digits[-1]))
        digits--;
    return digits < end && (size_t)(digits - word) >= length && strncmp(digits - length, known, length) == 0;
}

/*
 * Takes the dot out of "...denselayer<n>.norm.1.weight", in place: Python allowed such names of modules when the first
 * DenseNets were published. The same as the regular expression of torchvision's densenet.py.
 */
static void modernise(char *name)
{
    static const char *const layers[] = { "norm", "relu", "conv" };
    static const char *const ends[] = { "weight", "bias", "running_mean", "running_var" };
    char *const end = name + strlen(name);
    const char *const last = word_before(name, end), *number, *layer, *dense;

    if (last - name < 2 || !is_one_of(last, (size_t)(end - last), ends, 4))
        return;
    number = word_before(name, last - 1);
    if (number - name < 2 || last - number != 2 || (number[0] != '1' && number[0] != '2'))
        return;
    layer = word_before(name, number - 1);
    if (layer - name < 2 || !is_one_of(layer, (size_t)(number - 1 - layer), layers, 3))
        return;
    dense = word_before(name, layer - 1);
    if (is_dense_layer(dense, layer - 1))
        memmove(name + (number - 1 - name), number, strlen(number) + 1);
}

static rn_status write_plain(rn_file_names *names, rn_context *context, size_t tensor)
{
    const char *const name = rn_file_name(names, tensor);
    char plain[RN_NAME_SIZE];

    if (name == NULL || strlen(name) >= sizeof plain)
        return RN_OK;
    strip(plain, names->strips, name);
    modernise(plain);
    if (strcmp(plain, name) == 0)
        return RN_OK;
    names->plain[tensor] = rn_copy_string(names->allocator, plain);
    return names->plain[tensor] != NULL ? RN_OK : fail_memory(context);
}

/* A word that the network itself has says something. */
static void choose_wrappers(rn_file_names *names, const rn_parameters *parameters)
{
    for (int i = 0; i < RN_WRAPPERS; i++)
        names->strips[i] = true;
    for (size_t i = 0; i < parameters->count; i++) {
        const char *word = parameters->entry[i].name;

        while (word != NULL) {
            const char *const dot = strchr(word, '.');

            for (int k = 0; k < RN_WRAPPERS; k++)
                names->strips[k] =
                    names->strips[k] && !(dot != NULL && rn_name_begins(word, wrappers[k], strlen(wrappers[k])));
            word = dot != NULL ? dot + 1 : NULL;
        }
    }
}

/* ---- both ------------------------------------------------------------------------------------------------------ */

static rn_status allocate(rn_file_names *names, rn_context *context)
{
    const size_t count = rn_checkpoint_count(names->file);

    names->given = rn_allocate_zeroed(names->allocator, count, sizeof *names->given);
    names->plain = rn_allocate_zeroed(names->allocator, count, sizeof *names->plain);
    names->left_out = rn_allocate_zeroed(names->allocator, count, sizeof *names->left_out);
    return names->given != NULL && names->plain != NULL && names->left_out != NULL ? RN_OK : fail_memory(context);
}

static rn_status index_given(rn_file_names *names, rn_context *context, const char *path)
{
    size_t other;

    for (size_t i = 0; i < rn_checkpoint_count(names->file); i++) {
        const char *const name = rn_file_name(names, i);

        if (name == NULL)
            continue;
        if (rn_name_index_find(&other, &names->index, name))
            return rn_fail(&context->message, RN_INVALID_ARGUMENT, "%s: renaming makes both '%s' and '%s' '%s'", path,
                           rn_checkpoint_name(names->file, other), rn_checkpoint_name(names->file, i), name);
        if (!rn_name_index_insert(&names->index, names->allocator, name, i))
            return fail_memory(context);
    }
    return RN_OK;
}

/* A plain name that another tensor has stays that one's: this tensor is known by its whole name only. */
static rn_status index_plain(rn_file_names *names, rn_context *context)
{
    rn_status status = RN_OK;
    size_t other;

    for (size_t i = 0; status == RN_OK && i < rn_checkpoint_count(names->file); i++) {
        status = write_plain(names, context, i);
        if (status == RN_OK && names->plain[i] != NULL && !rn_name_index_find(&other, &names->index, names->plain[i]) &&
            !rn_name_index_insert(&names->index, names->allocator, names->plain[i], i))
            status = fail_memory(context);
    }
    return status;
}

rn_status rn_file_names_create(rn_file_names *names, rn_context *context, const rn_checkpoint *file,
                               const rn_parameters *parameters, const rn_load_options *options, const char *path)
{
    rn_status status;

    *names = (rn_file_names){ .file = file, .allocator = &context->allocator };
    choose_wrappers(names, parameters);
    if ((status = check_renames(context, options)) == RN_OK && (status = allocate(names, context)) == RN_OK &&
        (status = give_names(names, context, options, path)) == RN_OK &&
        (status = index_given(names, context, path)) == RN_OK)
        status = index_plain(names, context);
    return status;
}

void rn_file_names_release(rn_file_names *names)
{
    for (size_t i = 0; names->given != NULL && i < rn_checkpoint_count(names->file); i++)
        rn_release(names->allocator, names->given[i]);
    for (size_t i = 0; names->plain != NULL && i < rn_checkpoint_count(names->file); i++)
        rn_release(names->allocator, names->plain[i]);
    rn_release(names->allocator, names->given);
    rn_release(names->allocator, names->plain);
    rn_release(names->allocator, names->left_out);
    rn_name_index_release(&names->index, names->allocator);
}

const char *rn_file_name(const rn_file_names *names, size_t tensor)
{
    if (names->left_out[tensor])
        return NULL;
    return names->given[tensor] != NULL ? names->given[tensor] : rn_checkpoint_name(names->file, tensor);
}

/* Length of what stands before `wanted` at the end of `name`; -1 if it does not end in it. */
static ptrdiff_t length_before(const char *name, const char *wanted)
{
    const size_t length = strlen(name), tail = strlen(wanted);

    if (length < tail || strcmp(name + length - tail, wanted) != 0)
        return -1;
    return length == tail || name[length - tail - 1] == '.' ? (ptrdiff_t)(length - tail) : -1;
}

ptrdiff_t rn_file_name_prefix(const rn_file_names *names, size_t tensor, const char *wanted)
{
    const char *const name = rn_file_name(names, tensor), *at = name;
    ptrdiff_t length;

    if (name == NULL)
        return -1;
    length = length_before(name, wanted);
    if (length >= 0 || names->plain[tensor] == NULL || (length = length_before(names->plain[tensor], wanted)) < 0)
        return length;
    /* The same words in the whole name, and the wrappers behind the last of them. */
    for (;;) {
        const size_t skipped = wrapper_length(names->strips, at);
        const size_t word = skipped == 0 ? strcspn(at, ".") + 1 : 0;

        if (skipped == 0 && length <= 0)
            return at - name;
        length -= (ptrdiff_t)word;
        at += skipped + word;
    }
}

bool rn_file_names_find(size_t *tensor, const rn_file_names *names, const char *prefix, const char *name)
{
    char full[RN_NAME_SIZE], plain[RN_NAME_SIZE];
    const size_t length = strlen(prefix);

    if (length >= sizeof plain)
        return false;
    strip(plain, names->strips, prefix);
    for (int attempt = 0; attempt < 2; attempt++) {
        const char *const before = attempt == 0 ? prefix : plain;

        if (snprintf(full, sizeof full, "%s%s", before, name) < (int)sizeof full &&
            rn_name_index_find(tensor, &names->index, full) &&
            strncmp(rn_file_name(names, *tensor), prefix, length) == 0)
            return true;
        if (strcmp(prefix, plain) == 0)
            return false;
    }
    return false;
}
