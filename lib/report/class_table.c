/* SPDX-License-Identifier: MIT */
/* Scores of classes, a row each. Its rows also tell the script the names of the classes. */
#include "report/sections.h"

#include <inttypes.h>
#include <stdlib.h>

enum { ROWS = 1000 };

typedef struct row {
    rn_class_scores scores;
    size_t class;
} row;

static int by_f1(const void *a, const void *b)
{
    const row *const x = a, *const y = b;

    if (x->scores.f1 != y->scores.f1)
        return x->scores.f1 < y->scores.f1 ? -1 : 1;
    return (x->class > y->class) - (x->class < y->class);
}

static int by_class(const void *a, const void *b)
{
    const row *const x = a, *const y = b;

    return (x->class > y->class) - (x->class < y->class);
}

static void put_scores(rn_page *page, const rn_class_scores *scores)
{
    rn_print(page,
             "<td>%" PRId64 "</td><td>%" PRId64 "</td><td>%" PRId64
             "</td><td>%.1f</td><td>%.1f</td><td>%.1f</td></tr>\n",
             scores->support, scores->predicted, scores->correct, 100 * scores->precision, 100 * scores->recall,
             100 * scores->f1);
}

static void put_average(rn_page *page, const rn_report *report, const char *name, int32_t average)
{
    rn_class_scores scores = { .struct_size = sizeof scores };

    rn_evaluation_average(&scores, report->result, average);
    rn_print(page, "<tr><th scope=\"row\">%s</th>", name);
    put_scores(page, &scores);
}

rn_status rn_report_classes(rn_page *page, const rn_report *report)
{
    const rn_allocator *const allocator = &report->context->allocator;
    const size_t classes = report->result->classes, shown = classes < ROWS ? classes : ROWS;
    row *const rows = rn_allocate_zeroed(allocator, classes, sizeof *rows);

    if (rows == NULL)
        return rn_fail(&report->context->message, RN_NO_MEMORY, "no memory for a table of classes");
    for (size_t c = 0; c < classes; c++) {
        rows[c] = (row){ { .struct_size = sizeof rows[c].scores }, c };
        rn_evaluation_class(&rows[c].scores, report->result, c);
    }
    if (shown < classes) {
        qsort(rows, classes, sizeof *rows, by_f1);
        qsort(rows, shown, sizeof *rows, by_class);
    }
    rn_print(
        page,
        "<div class=\"scroll tall\" role=\"region\" tabindex=\"0\" aria-label=\"Scores of the classes\"><table "
        "class=\"sort\" id=\"classes\"><caption>Scores of the classes%s</caption><thead><tr><th scope=\"col\">Class"
        "</th><th scope=\"col\">Photos</th><th scope=\"col\">Taken for it</th><th scope=\"col\">Right</th><th scope="
        "\"col\">Precision, %%</th><th scope=\"col\">Recall, %%</th><th scope=\"col\">F1, "
        "%%</th></tr></thead><tbody>\n",
        shown < classes ? ": the 1000 with the lowest F1" : "");
    for (size_t i = 0; i < shown; i++) {
        rn_print(page, "<tr data-c=\"%zu\"><th scope=\"row\">%s</th>", rows[i].class,
                 rn_report_class(report, (int64_t)rows[i].class));
        put_scores(page, &rows[i].scores);
    }
    rn_put(page, "</tbody><tfoot>\n");
    put_average(page, report, "Mean of the classes", RN_AVERAGE_MACRO);
    put_average(page, report, "Weighted by photos", RN_AVERAGE_WEIGHTED);
    rn_put(page, "</tfoot></table></div>\n");
    rn_release(allocator, rows);
    return RN_OK;
}
