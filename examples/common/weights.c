/* SPDX-License-Identifier: MIT */
/* The report of a load, in words. */
#include "common/weights.h"
#include "common/language.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Cuts "FROM=TO,FROM=TO" into pairs that point into it; gives their number, at most one more than there are commas. */
static size_t cut_renames(rn_rename *rename, char *text)
{
    size_t count = 0;

    for (char *next = text; next != NULL; count++) {
        char *const from = next, *const comma = strchr(from, ',');
        char *equals;

        next = comma != NULL ? comma + 1 : NULL;
        if (comma != NULL)
            *comma = '\0';
        equals = strchr(from, '=');
        if (equals != NULL)
            *equals = '\0';
        rename[count] = (rn_rename){ from, equals != NULL ? equals + 1 : NULL };
    }
    return count;
}

static rn_status load(weights *w, rn_model *model, const rn_rename *rename, size_t count)
{
    rn_load_report *report = NULL;
    const rn_status status =
        rn_model_load(model, w->path,
                      RN_OPTIONS(rn_load, .prefix = w->prefix, .report = &report, .head = w->head,
                                 .classes = w->ignore_classes ? RN_CLASSES_IGNORE : RN_CLASSES_MUST_AGREE,
                                 .rename = rename, .rename_count = count));
    const char *const prefix = rn_load_report_prefix(report);

    snprintf(w->taken, sizeof w->taken, "%s", prefix != NULL ? prefix : "");
    w->fresh_head = rn_load_report_head_skipped(report);
    w->other_names = status == RN_SHAPE && rn_load_report_count(report, RN_LOAD_MISSING) +
                                                   rn_load_report_count(report, RN_LOAD_SURPLUS) +
                                                   rn_load_report_count(report, RN_LOAD_DIFFERENT) >
                                               0;
    w->several = status == RN_INVALID_ARGUMENT && rn_load_report_count(report, RN_LOAD_CANDIDATES) > 1;
    w->other_classes = status == RN_SHAPE && !w->other_names;
    rn_load_report_destroy(report);
    return status;
}

rn_status weights_load(weights *w, rn_model *model)
{
    const size_t length = w->rename != NULL ? strlen(w->rename) + 1 : 0;
    rn_rename *rename;
    char *text;
    rn_status status;

    if (w->rename == NULL)
        return load(w, model, NULL, 0);
    rename = calloc(length, sizeof *rename);
    text = malloc(length);
    if (rename != NULL && text != NULL) {
        memcpy(text, w->rename, length);
        status = load(w, model, rename, cut_renames(rename, text));
    } else {
        status = RN_NO_MEMORY;
    }
    free(text);
    free(rename);
    return status;
}

const char *weights_text(char *text, size_t size, const weights *w)
{
    if (w->path == NULL)
        snprintf(text, size, "%s", _("random weights"));
    else
        snprintf(text, size, _("weights from %s%s%s%s%s"), w->path, w->taken[0] != '\0' ? _(", of which '") : "",
                 w->taken, w->taken[0] != '\0' ? "'" : "", w->fresh_head ? _(", but the head starts afresh") : "");
    return text;
}
