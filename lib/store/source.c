/* SPDX-License-Identifier: MIT */
/*
 * Candidates are what stands before the name of the network's first parameter wherever a name ends in it. Within a
 * ResNet "layer1.0.conv1.weight" does, too: only a candidate under which all parameters are found is one. Looking stops
 * at the first that is missing, so that all candidates together cost no more than there are names in the file.
 */
#include "store/source.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

enum { NAME_SIZE = 2048, MAX_CANDIDATES = 64 };

/* ---- one tensor and one parameter ------------------------------------------------------------------------------ */

static bool is_float(rn_dtype dtype)
{
    return dtype == RN_FLOAT32 || dtype == RN_FLOAT64 || dtype == RN_FLOAT16 || dtype == RN_BFLOAT16;
}

bool rn_value_fits(const rn_parameter *entry, const rn_tensor *tensor)
{
    /* A counter of batches is a scalar; very old files have it as an array of one. */
    if (rn_tensor_rank(entry->value) == 0)
        return rn_tensor_count(tensor) == 1;
    return rn_tensor_same_shape(entry->value, tensor) && is_float(rn_tensor_dtype(tensor));
}

const rn_tensor *rn_source_find(const rn_load_source *source, const char *name)
{
    char full[NAME_SIZE];

    if (source->length == 0)
        return rn_checkpoint_find(source->file, name);
    if (snprintf(full, sizeof full, "%s%s", source->prefix, name) >= (int)sizeof full)
        return NULL;
    return rn_checkpoint_find(source->file, full);
}

bool rn_source_skips_head(const rn_load_source *source, int32_t policy)
{
    const rn_parameters *const parameters = source->model->graph->parameters;

    if (policy != RN_HEAD_SKIP_IF_SIZE_DIFFERS)
        return policy == RN_HEAD_SKIP;
    for (size_t i = 0; i < parameters->count; i++) {
        const rn_parameter *const entry = &parameters->entry[i];
        const rn_tensor *const tensor =
            rn_model_in_head(source->model, entry->name) ? rn_source_find(source, entry->name) : NULL;

        if (tensor != NULL && !rn_value_fits(entry, tensor))
            return true;
    }
    return false;
}

/* ---- candidates ------------------------------------------------------------------------------------------------ */

/* True if every parameter is there; those of the head, if it may be skipped, in any shape or not at all. */
static bool fits(const rn_load_source *source, int32_t head)
{
    const rn_parameters *const parameters = source->model->graph->parameters;

    for (size_t i = 0; i < parameters->count; i++) {
        const rn_parameter *const entry = &parameters->entry[i];
        const rn_tensor *tensor;

        if (entry->offset < 0 || (head != RN_HEAD_MUST_FIT && rn_model_in_head(source->model, entry->name)))
            continue; /* counters may be missing */
        tensor = rn_source_find(source, entry->name);
        if (tensor == NULL || !rn_value_fits(entry, tensor))
            return false;
    }
    return true;
}

/* Words of a prefix that say: not the network itself. */
static bool speaks_of_average(const char *prefix)
{
    static const char *const words[] = { "ema",     "swa",    "avg",      "average", "averaged",
                                         "teacher", "target", "momentum", "shadow" };
    char word[16];
    size_t length = 0;

    for (const char *at = prefix;; at++) {
        if (isalpha((unsigned char)*at)) {
            if (length < sizeof word - 1)
                word[length++] = (char)tolower((unsigned char)*at);
            continue;
        }
        word[length] = '\0';
        for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
            if (strcmp(word, words[i]) == 0)
                return true;
        }
        length = 0;
        if (*at == '\0')
            return false;
    }
}

static rn_status set_prefix(rn_load_source *source, rn_load_report *report, const char *prefix, size_t length)
{
    const rn_allocator *const allocator = &report->context->allocator;

    rn_release(allocator, report->prefix);
    report->prefix = rn_allocate(allocator, length + 1);
    if (report->prefix == NULL)
        return rn_fail(&report->context->message, RN_NO_MEMORY, "no memory for the prefix of a state dict");
    memcpy(report->prefix, prefix, length);
    report->prefix[length] = '\0';
    source->prefix = report->prefix;
    source->length = length;
    return RN_OK;
}

/* Length of what stands before the first parameter's name in `name`; -1 if it does not end in it. */
static ptrdiff_t prefix_length(const char *name, const char *first)
{
    const size_t length = strlen(name), tail = strlen(first);

    if (length < tail || strcmp(name + length - tail, first) != 0)
        return -1;
    return length == tail || name[length - tail - 1] == '.' ? (ptrdiff_t)(length - tail) : -1;
}

/* Collects the candidates that fit into the report, and leaves the first candidate of all, fit or not, as the prefix.
 */
static rn_status collect(rn_load_source *source, rn_load_report *report, int32_t head)
{
    const rn_parameters *const parameters = source->model->graph->parameters;
    const char *const first = parameters->count > 0 ? parameters->entry[0].name : "";
    rn_status status = set_prefix(source, report, "", 0);
    bool any = rn_checkpoint_find(source->file, first) != NULL;

    for (size_t i = 0; status == RN_OK && i < rn_checkpoint_count(source->file); i++) {
        const char *const name = rn_checkpoint_name(source->file, i);
        const ptrdiff_t length = prefix_length(name, first);
        rn_load_source candidate = *source;
        char prefix[NAME_SIZE];

        if (length < 0 || length >= NAME_SIZE)
            continue;
        memcpy(prefix, name, (size_t)length);
        prefix[length] = '\0';
        candidate.prefix = prefix;
        candidate.length = (size_t)length;
        if (!any && (status = set_prefix(source, report, prefix, (size_t)length)) != RN_OK)
            return status;
        any = true;
        if (fits(&candidate, head))
            status = rn_load_report_add(report, RN_LOAD_CANDIDATES, prefix);
        if (report->list[RN_LOAD_CANDIDATES].count > MAX_CANDIDATES)
            return rn_fail(&report->context->message, RN_INVALID_ARGUMENT,
                           "more than %d state dicts in the file fit %s", MAX_CANDIDATES, source->model->name);
    }
    return status;
}

/* "'model', 'student' and 3 more" */
static const char *list_candidates(char *text, size_t size, const rn_name_list *list)
{
    size_t length = 0;

    text[0] = '\0';
    for (size_t i = 0; i < list->kept && i < 8 && length < size - 1; i++) {
        const int written = snprintf(text + length, size - length, "%s'%.*s'", i > 0 ? ", " : "",
                                     (int)(strlen(list->name[i]) - (list->name[i][0] != '\0')), list->name[i]);

        length += written > 0 ? (size_t)written : 0;
    }
    if (list->kept > 8 && length < size - 1)
        snprintf(text + length, size - length, " and %zu more", list->kept - 8);
    return text;
}

/* Several fit: the one that is no average, if there is one. */
static rn_status decide(rn_load_source *source, rn_load_report *report, const char *path)
{
    const rn_name_list *const list = &report->list[RN_LOAD_CANDIDATES];
    rn_context *const context = report->context;
    const char *chosen = NULL;
    size_t own = 0;
    char names[512];

    for (size_t i = 0; i < list->kept; i++) {
        if (!speaks_of_average(list->name[i])) {
            chosen = list->name[i];
            own++;
        }
    }
    list_candidates(names, sizeof names, list);
    if (own != 1)
        return rn_fail(&context->message, RN_INVALID_ARGUMENT,
                       "%s holds %zu state dicts that fit %s: %s; say which one (rn_load_options.prefix)", path,
                       list->count, source->model->name, names);
    rn_context_log(context, RN_LOG_WARNING, "%s holds %zu state dicts that fit %s: %s; '%s' is taken", path,
                   list->count, source->model->name, names, chosen);
    return set_prefix(source, report, chosen, strlen(chosen));
}

/* The prefix that the caller wants, with its dot. */
static rn_status take_given(rn_load_source *source, rn_load_report *report, const char *wanted, const char *path)
{
    const size_t length = strlen(wanted);
    const bool dotted = length == 0 || wanted[length - 1] == '.';
    char prefix[NAME_SIZE];

    if (snprintf(prefix, sizeof prefix, "%s%s", wanted, dotted ? "" : ".") < (int)sizeof prefix) {
        for (size_t i = 0; i < rn_checkpoint_count(source->file); i++) {
            if (strncmp(rn_checkpoint_name(source->file, i), prefix, strlen(prefix)) == 0)
                return set_prefix(source, report, prefix, strlen(prefix));
        }
    }
    return rn_fail(&report->context->message, RN_INVALID_ARGUMENT, "no name in %s begins with '%.200s'", path, wanted);
}

rn_status rn_source_locate(rn_load_source *source, rn_load_report *report, const rn_load_options *options,
                           const char *path)
{
    const rn_name_list *const list = &report->list[RN_LOAD_CANDIDATES];
    rn_status status;

    if (options->prefix != NULL)
        return take_given(source, report, options->prefix, path);
    status = collect(source, report, options->head);
    if (status != RN_OK || list->count == 0)
        return status;
    if (list->count > 1)
        return decide(source, report, path);
    status = set_prefix(source, report, list->name[0], strlen(list->name[0]));
    if (status == RN_OK && source->length > 0)
        rn_context_log(report->context, RN_LOG_INFO, "%s: the state dict at '%.*s' is taken", path,
                       (int)source->length - 1, source->prefix);
    return status;
}
