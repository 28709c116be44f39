/* SPDX-License-Identifier: MIT */
/* Labels become classes: the different ones are sorted, each gets its index, and every photo is looked up in them. */
#include "data/list_labels.h"

#include "classes/classes.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_CLASSES = 1000000 };

/* One of the different labels. */
typedef struct meaning {
    rn_list_label label; /* where it comes first */
    int64_t index;
} meaning;

/* Decimal, as it is written when it is counted. */
static bool is_number(const char *text)
{
    const size_t length = strlen(text);

    return length > 0 && strspn(text, "0123456789") == length && (length == 1 || text[0] != '0');
}

static int compare_texts(const void *first, const void *second)
{
    return strcmp(((const meaning *)first)->label.text, ((const meaning *)second)->label.text);
}

static int compare_places(const void *first, const void *second)
{
    const meaning *const a = first, *const b = second;
    const int order = compare_texts(a, b);

    return order != 0 ? order : a->label.line < b->label.line ? -1 : 1;
}

/* Without leading zeros the longer number is the larger one. */
static int compare_numbers(const void *first, const void *second)
{
    const size_t a = strlen(((const meaning *)first)->label.text), b = strlen(((const meaning *)second)->label.text);

    return a != b ? (a < b ? -1 : 1) : compare_texts(first, second);
}

/* The different labels, sorted by byte. */
static rn_status find_meanings(meaning **meanings, size_t *count, const rn_dataset *dataset,
                               const rn_list_label *labels, const char *list)
{
    rn_context *const context = dataset->context;
    meaning *const all = rn_allocate_array(&context->allocator, dataset->count, sizeof *all);

    *meanings = all;
    *count = 0;
    if (all == NULL)
        return rn_fail(&context->message, RN_NO_MEMORY, "%s: no memory for %zu labels", list, dataset->count);
    for (size_t i = 0; i < dataset->count; i++)
        all[i] = (meaning){ labels[i], -1 };
    qsort(all, dataset->count, sizeof *all, compare_places);
    for (size_t i = 0; i < dataset->count; i++)
        if (*count == 0 || compare_texts(&all[*count - 1], &all[i]) != 0)
            all[(*count)++] = all[i];
    return *count <= MAX_CLASSES
               ? RN_OK
               : rn_fail(&context->message, RN_FORMAT, "%s: over %d different labels", list, MAX_CLASSES);
}

/* ---- with a table ------------------------------------------------------------------------------------------------ */

static bool has_numbers(const rn_classes *classes)
{
    for (size_t i = 0; i < rn_classes_count(classes); i++)
        if (is_number(rn_classes_folder(classes, i)))
            return true;
    return false;
}

/* The table's folders, sorted by byte. */
static meaning *sort_folders(const rn_classes *classes, const rn_allocator *allocator)
{
    const size_t count = rn_classes_count(classes);
    meaning *const folders = rn_allocate_array(allocator, count, sizeof *folders);

    for (size_t i = 0; i < count && folders != NULL; i++)
        folders[i] = (meaning){ { rn_classes_folder(classes, i), 0 }, (int64_t)i };
    if (folders != NULL)
        qsort(folders, count, sizeof *folders, compare_texts);
    return folders;
}

/* The class that a label means, or -1. */
static int64_t look_up(const char *label, const char *text, const meaning *folders, size_t count, bool by_index)
{
    enum { DIGITS = 7 }; /* more than there are classes, less than a long */
    const meaning wanted = { { text, 0 }, -1 };
    const meaning *const found = bsearch(&wanted, folders, count, sizeof wanted, compare_texts);

    if (found != NULL)
        return found->index;
    if (by_index && is_number(label) && strlen(label) <= DIGITS && strtoul(label, NULL, 10) < count)
        return strtol(label, NULL, 10);
    return -1;
}

static rn_status look_all_up(meaning *meanings, size_t count, const rn_dataset *dataset, const char *list)
{
    rn_context *const context = dataset->context;
    const size_t classes = rn_classes_count(dataset->classes);
    const bool by_index = !has_numbers(dataset->classes);
    meaning *const folders = sort_folders(dataset->classes, &context->allocator);
    rn_status status = RN_OK;

    for (size_t i = 0; i < count && status == RN_OK; i++) {
        const rn_list_label *const label = &meanings[i].label;
        char *const text = folders != NULL ? rn_folder_text(&context->allocator, label->text) : NULL;

        if (text == NULL)
            status = rn_fail(&context->message, RN_NO_MEMORY, "%s: no memory for its labels", list);
        else if ((meanings[i].index = look_up(label->text, text, folders, classes, by_index)) < 0)
            status = rn_fail(&context->message, RN_SHAPE, "%s:%zu: the label '%s' is none of the %zu classes", list,
                             label->line, text, classes);
        rn_release(&context->allocator, text);
    }
    rn_release(&context->allocator, folders);
    return status;
}

/* ---- without one ------------------------------------------------------------------------------------------------- */

static rn_status name_classes(rn_dataset *dataset, const meaning *meanings, size_t count)
{
    rn_context *const context = dataset->context;
    char **const texts = rn_allocate_zeroed(&context->allocator, count, sizeof *texts);
    size_t made = 0;
    rn_status status;

    while (texts != NULL && made < count &&
           (texts[made] = rn_folder_text(&context->allocator, meanings[made].label.text)) != NULL)
        made++;
    status = made == count ? rn_classes_create(&dataset->classes, context, (const char *const *)texts, NULL, count)
                           : rn_fail(&context->message, RN_NO_MEMORY, "no memory for %zu classes", count);
    while (made > 0)
        rn_release(&context->allocator, texts[--made]);
    rn_release(&context->allocator, texts);
    return status;
}

/* Counts the classes in their order, makes the table, and leaves the meanings sorted by byte. */
static rn_status make_classes(rn_dataset *dataset, meaning *meanings, size_t count, const char *list)
{
    bool numbers = true;
    rn_status status;

    for (size_t i = 0; i < count; i++)
        numbers = numbers && is_number(meanings[i].label.text);
    if (numbers)
        qsort(meanings, count, sizeof *meanings, compare_numbers);
    for (size_t i = 0; i < count; i++)
        meanings[i].index = (int64_t)i;
    status = name_classes(dataset, meanings, count);
    if (status == RN_OK && numbers && strcmp(meanings[0].label.text, "0") == 0 &&
        strtoull(meanings[count - 1].label.text, NULL, 10) != count - 1)
        rn_context_log(dataset->context, RN_LOG_WARNING,
                       "%s: the labels are numbers from 0 to %s, of which %zu are there: classes are counted without "
                       "the gaps, so that a class's index is not its number",
                       list, meanings[count - 1].label.text, count);
    qsort(meanings, count, sizeof *meanings, compare_texts);
    return status;
}

rn_status rn_list_labels_apply(rn_dataset *dataset, const rn_list_label *labels, const rn_classes *classes,
                               const char *list)
{
    meaning *meanings;
    size_t count;
    rn_status status = find_meanings(&meanings, &count, dataset, labels, list);

    if (status == RN_OK && classes != NULL)
        status = rn_classes_copy(&dataset->classes, classes, dataset->context);
    if (status == RN_OK)
        status = classes != NULL ? look_all_up(meanings, count, dataset, list)
                                 : make_classes(dataset, meanings, count, list);
    for (size_t i = 0; i < dataset->count && status == RN_OK; i++) {
        const meaning wanted = { labels[i], -1 };
        const meaning *const found = bsearch(&wanted, meanings, count, sizeof wanted, compare_texts);

        dataset->photo[i].label = (int32_t)found->index;
    }
    rn_release(&dataset->context->allocator, meanings);
    return status;
}
