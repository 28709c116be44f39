/* SPDX-License-Identifier: MIT */
/* The report of a load. */
#include "store/report.h"

#include <stdio.h>
#include <string.h>

enum { LISTED = 8, LIST_SIZE = 640 }; /* names in a sentence; bytes of one list in it */

rn_status rn_load_report_create(rn_load_report **report, rn_context *context)
{
    *report = rn_allocate_zeroed(&context->allocator, 1, sizeof **report);
    if (*report == NULL)
        return rn_fail(&context->message, RN_NO_MEMORY, "no memory for the report of a load");
    rn_context_retain(context);
    (*report)->context = context;
    return RN_OK;
}

static bool make_room(rn_name_list *list, const rn_allocator *allocator)
{
    const size_t capacity = list->capacity > 0 ? 2 * list->capacity : 64;
    char **grown;

    if (list->kept < list->capacity)
        return true;
    grown = rn_grow_array(allocator, list->name, list->kept, capacity, sizeof *grown);
    if (grown == NULL)
        return false;
    list->name = grown;
    list->capacity = capacity;
    return true;
}

rn_status rn_load_report_add(rn_load_report *report, rn_load_fate fate, const char *name)
{
    const rn_allocator *const allocator = &report->context->allocator;
    rn_name_list *const list = &report->list[fate];

    list->count++;
    if (list->kept == RN_REPORT_KEEPS)
        return RN_OK;
    if (!make_room(list, allocator) || (list->name[list->kept] = rn_copy_string(allocator, name)) == NULL)
        return rn_fail(&report->context->message, RN_NO_MEMORY, "no memory for the report of a load");
    list->kept++;
    return RN_OK;
}

void rn_load_report_clear(rn_load_report *report, rn_load_fate fate)
{
    rn_name_list *const list = &report->list[fate];

    while (list->kept > 0)
        rn_release(&report->context->allocator, list->name[--list->kept]);
    list->count = 0;
}

/* "; missing: a, b, c and 9 more" */
static void describe(char text[LIST_SIZE], const char *title, const rn_name_list *list)
{
    size_t length = 0;

    text[0] = '\0';
    for (size_t i = 0; i < list->kept && i < LISTED && length < LIST_SIZE - 1; i++) {
        const int written = snprintf(text + length, LIST_SIZE - length, "%s%s%s%s", i == 0 ? "; " : ", ",
                                     i == 0 ? title : "", i == 0 ? ": " : "", list->name[i]);

        length += written > 0 ? (size_t)written : 0;
    }
    if (list->count > LISTED && length < LIST_SIZE - 1)
        snprintf(text + length, LIST_SIZE - length, " and %zu more", list->count - LISTED);
}

bool rn_load_report_refuses(const rn_load_report *report, const rn_load_options *options)
{
    return report->list[RN_LOAD_DIFFERENT].count > 0 ||
           (!options->allow_missing && report->list[RN_LOAD_MISSING].count > 0) ||
           (!options->allow_surplus && report->list[RN_LOAD_SURPLUS].count > 0);
}

rn_status rn_load_report_fail(const rn_load_report *report, const rn_load_options *options, const char *path,
                              const char *network, const char *advice)
{
    const rn_name_list none = { 0 }, *const different = &report->list[RN_LOAD_DIFFERENT];
    const rn_name_list *const missing = options->allow_missing ? &none : &report->list[RN_LOAD_MISSING];
    const rn_name_list *const surplus = options->allow_surplus ? &none : &report->list[RN_LOAD_SURPLUS];
    char lost[LIST_SIZE], extra[LIST_SIZE], other[LIST_SIZE];

    describe(lost, "missing", missing);
    describe(extra, "surplus", surplus);
    describe(other, "of another shape or type", different);
    /* What differs first: where a file has the right names, that is the news. */
    return rn_fail(&report->context->message, RN_SHAPE,
                   "%s does not fit %s (%zu missing, %zu surplus, %zu different)%s%s%s%s%s", path, network,
                   missing->count, surplus->count, different->count, advice[0] != '\0' ? ": " : "", advice, other, lost,
                   extra);
}

/* ---- asking ------------------------------------------------------------------------------------------------------ */

static const rn_name_list *list_of(const rn_load_report *report, int32_t fate)
{
    return report != NULL && fate >= 0 && fate < RN_LOAD_FATES ? &report->list[fate] : NULL;
}

size_t rn_load_report_count(const rn_load_report *report, int32_t fate)
{
    const rn_name_list *const list = list_of(report, fate);

    return list != NULL ? list->kept : 0;
}

const char *rn_load_report_name(const rn_load_report *report, int32_t fate, size_t index)
{
    return index < rn_load_report_count(report, fate) ? list_of(report, fate)->name[index] : NULL;
}

const char *rn_load_report_prefix(const rn_load_report *report)
{
    return report != NULL ? report->prefix : NULL;
}

int rn_load_report_head_skipped(const rn_load_report *report)
{
    return report != NULL && report->head_skipped;
}

void rn_load_report_destroy(rn_load_report *report)
{
    rn_context *context;

    if (report == NULL)
        return;
    context = report->context;
    for (int fate = 0; fate < RN_LOAD_FATES; fate++) {
        rn_load_report_clear(report, (rn_load_fate)fate);
        rn_release(&context->allocator, report->list[fate].name);
    }
    rn_release(&context->allocator, report->prefix);
    rn_release(&context->allocator, report);
    rn_context_release(context);
}
