/* SPDX-License-Identifier: MIT */
/* The report of a load, in words. */
#include "common/weights.h"

#include <stdio.h>

rn_status weights_load(weights *w, rn_model *model)
{
    rn_load_report *report = NULL;
    const rn_status status =
        rn_model_load(model, w->path,
                      RN_OPTIONS(rn_load, .prefix = w->prefix, .report = &report, .head = w->head,
                                 .classes = w->ignore_classes ? RN_CLASSES_IGNORE : RN_CLASSES_MUST_AGREE));
    const char *const prefix = rn_load_report_prefix(report);

    snprintf(w->taken, sizeof w->taken, "%s", prefix != NULL ? prefix : "");
    w->fresh_head = rn_load_report_head_skipped(report);
    w->other_classes = status == RN_SHAPE && rn_load_report_count(report, RN_LOAD_MISSING) == 0 &&
                       rn_load_report_count(report, RN_LOAD_SURPLUS) == 0 &&
                       rn_load_report_count(report, RN_LOAD_DIFFERENT) == 0;
    rn_load_report_destroy(report);
    return status;
}

const char *weights_text(char *text, size_t size, const weights *w)
{
    if (w->path == NULL)
        snprintf(text, size, "random weights");
    else
        snprintf(text, size, "weights from %s%s%s%s%s", w->path, w->taken[0] != '\0' ? ", of which '" : "", w->taken,
                 w->taken[0] != '\0' ? "'" : "", w->fresh_head ? ", but the head starts afresh" : "");
    return text;
}
