/* SPDX-License-Identifier: MIT */
/*
 * Where the state dict lies. Candidates are what stands before the name of the network's first parameter wherever a
 * name ends in it. Within a ResNet "layer1.0.conv1.weight" does, too: only a candidate under which all parameters are
 * found is one. Looking stops at the first that is missing, so that all candidates together cost no more than there are
 * names in the file; what takes a look at the whole file is done for so many of them only.
 */
#include "store/source.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

enum { MAX_CANDIDATES = 64, ANCHORS = 3 };

/* ---- candidates ------------------------------------------------------------------------------------------------ */

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

/* What a place in the file has to have to be a candidate. */
typedef enum fit { WHOLE, BACKBONE, NUMBERED } fit;

/* How much of the network is there: a name counts, and its shape counts again. */
static size_t count_fitting(const rn_load_source *source)
{
    const rn_parameters *const parameters = source->model->graph->parameters;
    size_t count = 0;

    for (size_t i = 0; i < parameters->count; i++) {
        const rn_tensor *const tensor = rn_source_tensor(source, parameters->entry[i].name);

        count += tensor != NULL;
        count += tensor != NULL && rn_value_fits(&parameters->entry[i], tensor);
    }
    return count;
}

/* `looks`: how often the whole file may still be looked through. */
static bool is_wanted(rn_load_source *candidate, fit what, size_t *looks)
{
    const bool backbone = what == NUMBERED || rn_source_part_fits(candidate, RN_BACKBONE);

    if (!backbone || what == BACKBONE || (what == WHOLE && rn_source_part_fits(candidate, RN_HEAD)))
        return backbone;
    if (*looks == 0)
        return false;
    --*looks;
    rn_source_find_aliases(candidate);
    return what == NUMBERED ? candidate->positional : rn_source_part_fits(candidate, RN_HEAD);
}

static rn_load_source candidate_of(const rn_load_source *source, char prefix[RN_NAME_SIZE], size_t tensor,
                                   size_t length)
{
    rn_load_source candidate = *source;

    memcpy(prefix, rn_file_name(source->names, tensor), length);
    prefix[length] = '\0';
    candidate.prefix = prefix;
    candidate.length = length;
    candidate.alias_count = 0;
    return candidate;
}

static bool is_listed(const rn_name_list *list, const char *prefix)
{
    for (size_t i = 0; i < list->kept; i++) {
        if (strcmp(list->name[i], prefix) == 0)
            return true;
    }
    return false;
}

/* Collects the candidates into the report. */
static rn_status collect(const rn_load_source *source, rn_load_report *report, fit what)
{
    const rn_name_list *const list = &report->list[RN_LOAD_CANDIDATES];
    const char *const first = source->model->graph->parameters->entry[0].name;
    size_t looks = MAX_CANDIDATES;
    rn_status status = RN_OK;

    for (size_t i = 0; status == RN_OK && i < rn_checkpoint_count(source->names->file); i++) {
        const ptrdiff_t length =
            what == NUMBERED ? rn_source_numbered_prefix(source, i) : rn_file_name_prefix(source->names, i, first);
        char prefix[RN_NAME_SIZE];
        rn_load_source candidate;

        if (length < 0 || length >= RN_NAME_SIZE || rn_source_is_state(source, i))
            continue;
        candidate = candidate_of(source, prefix, i, (size_t)length);
        if (!is_listed(list, prefix) && is_wanted(&candidate, what, &looks))
            status = rn_load_report_add(report, RN_LOAD_CANDIDATES, prefix);
        if (list->count > MAX_CANDIDATES)
            return rn_fail(&report->context->message, RN_INVALID_ARGUMENT,
                           "more than %d state dicts in the file fit %s", MAX_CANDIDATES, source->model->name);
    }
    return status;
}

/* The place before one parameter's name, if as much fits there as anywhere before. */
static rn_status try_nearest(const rn_load_source *source, rn_load_report *report, size_t *best, size_t tensor,
                             size_t length)
{
    char prefix[RN_NAME_SIZE];
    const rn_load_source candidate = candidate_of(source, prefix, tensor, length);
    const size_t count = count_fitting(&candidate);

    if (count == 0 || count < *best)
        return RN_OK;
    if (count > *best)
        rn_load_report_clear(report, RN_LOAD_CANDIDATES);
    *best = count;
    return is_listed(&report->list[RN_LOAD_CANDIDATES], prefix)
               ? RN_OK
               : rn_load_report_add(report, RN_LOAD_CANDIDATES, prefix);
}

/* Where nothing fits, the places where most does; among equals, all. The first parameter may be one that is missing. */
static rn_status collect_nearest(const rn_load_source *source, rn_load_report *report)
{
    const rn_parameters *const parameters = source->model->graph->parameters;
    size_t best = 0;
    rn_status status = RN_OK;

    for (size_t anchor = 0; anchor < ANCHORS; anchor++) {
        const char *const name = parameters->entry[anchor * (parameters->count - 1) / (ANCHORS - 1)].name;
        size_t looks = MAX_CANDIDATES;

        for (size_t i = 0; status == RN_OK && looks > 0 && i < rn_checkpoint_count(source->names->file); i++) {
            const ptrdiff_t length = rn_file_name_prefix(source->names, i, name);

            if (length < 0 || length >= RN_NAME_SIZE)
                continue;
            looks--;
            status = try_nearest(source, report, &best, i, (size_t)length);
        }
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
    if (!source->quiet)
        rn_context_log(context, RN_LOG_WARNING, "%s holds %zu state dicts that fit %s: %s; '%s' is taken", path,
                       list->count, source->model->name, names, chosen);
    return set_prefix(source, report, chosen, strlen(chosen));
}

/* The prefix that the caller wants, with its dot. */
static rn_status take_given(rn_load_source *source, rn_load_report *report, const char *wanted, const char *path)
{
    const size_t length = strlen(wanted);
    const bool dotted = length == 0 || wanted[length - 1] == '.';
    char prefix[RN_NAME_SIZE];

    if (snprintf(prefix, sizeof prefix, "%s%s", wanted, dotted ? "" : ".") < (int)sizeof prefix) {
        for (size_t i = 0; i < rn_checkpoint_count(source->names->file); i++) {
            const char *const name = rn_file_name(source->names, i);

            if (name != NULL && strncmp(name, prefix, strlen(prefix)) == 0)
                return set_prefix(source, report, prefix, strlen(prefix));
        }
    }
    return rn_fail(&report->context->message, RN_INVALID_ARGUMENT, "no name in %s begins with '%.200s'", path, wanted);
}

/* Nothing fits: what is there of one network is what the caller will hear of. */
static rn_status take_nearest(rn_load_source *source, rn_load_report *report, const rn_load_options *options,
                              const char *path)
{
    const rn_name_list *const list = &report->list[RN_LOAD_CANDIDATES];
    rn_status status = collect_nearest(source, report);

    if (status == RN_OK && list->count > 1 && options->allow_missing)
        return decide(source, report, path);
    if (status == RN_OK && list->count > 0)
        status = set_prefix(source, report, list->name[0], strlen(list->name[0]));
    rn_load_report_clear(report, RN_LOAD_CANDIDATES);
    return status;
}

/* What fits, then what fits but for its head, then what fits by numbers, then what comes near. */
static rn_status find_prefix(rn_load_source *source, rn_load_report *report, const rn_load_options *options,
                             const char *path)
{
    const rn_name_list *const list = &report->list[RN_LOAD_CANDIDATES];
    rn_status status = RN_OK;

    if (source->model->graph->parameters->count == 0)
        return RN_OK;
    if (options->head == RN_HEAD_MUST_FIT)
        status = collect(source, report, WHOLE);
    if (status == RN_OK && list->count == 0)
        status = collect(source, report, BACKBONE);
    if (status == RN_OK && list->count == 0)
        status = collect(source, report, NUMBERED);
    if (status == RN_OK && list->count == 0 && source->quiet)
        return RN_OK; /* asked whether it fits, and no more */
    if (status == RN_OK && list->count == 0)
        return take_nearest(source, report, options, path);
    if (status == RN_OK && list->count > 1)
        return decide(source, report, path);
    return status == RN_OK ? set_prefix(source, report, list->name[0], strlen(list->name[0])) : status;
}

rn_status rn_source_locate(rn_load_source *source, rn_load_report *report, const rn_load_options *options,
                           const char *path)
{
    rn_status status = set_prefix(source, report, "", 0);

    if (status == RN_OK)
        status = options->prefix != NULL ? take_given(source, report, options->prefix, path)
                                         : find_prefix(source, report, options, path);
    if (status != RN_OK)
        return status;
    rn_source_find_aliases(source);
    return RN_OK;
}
