/* SPDX-License-Identifier: MIT */
/*
 * Confusions: the largest as a list, and all as a matrix. Few classes are a table of numbers. Many are a drawing, in
 * which cells of the same shade and number are one path, a short line a cell: a thousand classes take a few bytes for
 * each cell that is not 0. The script reads the numbers for its tooltips out of the same paths.
 */
#include "report/sections.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

enum { TABLE_CLASSES = 16, NAMED_CLASSES = 150, LEVELS = 8, CELLS_SHOWN = 20000, LISTED = 20, MARGIN = 120 };

/* 1 to LEVELS, of the part of its class that a cell is. What is small shows more if it is wrong. */
static int level_of(const rn_evaluation_result *result, const rn_cell *cell)
{
    const double part = (double)cell->count / (double)result->class[cell->label].support,
                 shade = cell->predicted == cell->label ? part : sqrt(part);

    return 1 + (int)fmin(LEVELS - 1, floor(shade * LEVELS));
}

/* ---- the list ---------------------------------------------------------------------------------------------------- */

static bool is_confusion(const rn_cell *cell)
{
    return cell->predicted >= 0 && cell->predicted != cell->label;
}

/* More photos first, then the order of the cells. */
static size_t find_largest(const rn_cell *largest[LISTED], const rn_evaluation_result *result)
{
    size_t count = 0;

    for (size_t i = 0; i < result->cell_count; i++) {
        const rn_cell *const cell = &result->cell[i];
        size_t at = count;

        if (!is_confusion(cell))
            continue;
        while (at > 0 && largest[at - 1]->count < cell->count)
            at--;
        if (at == LISTED)
            continue;
        count += count < LISTED;
        for (size_t k = count - 1; k > at; k--)
            largest[k] = largest[k - 1];
        largest[at] = cell;
    }
    return count;
}

static void put_list(rn_page *page, const rn_report *report)
{
    const rn_cell *largest[LISTED];
    const size_t count = find_largest(largest, report->result);

    if (count == 0) {
        rn_put(page, "<p>No photo was taken for another class.</p>\n");
        return;
    }
    rn_put(page, "<div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-label=\"Largest confusions\"><table>"
                 "<caption>Largest confusions</caption><thead><tr><th scope=\"col\" class=\"w\">Class</th><th scope="
                 "\"col\" class=\"w\">Taken for</th><th scope=\"col\">Photos</th><th scope=\"col\">Of the class</th>"
                 "</tr></thead><tbody>\n");
    for (size_t i = 0; i < count; i++) {
        rn_print(page, "<tr><th scope=\"row\">%s</th><td class=\"w\">%s</td><td>%" PRId64 "</td><td>",
                 rn_report_class(report, largest[i]->label), rn_report_class(report, largest[i]->predicted),
                 largest[i]->count);
        rn_put_part(page, (double)largest[i]->count / (double)report->result->class[largest[i]->label].support);
        rn_put(page, "</td></tr>\n");
    }
    rn_put(page, "</tbody></table></div>\n");
}

/* ---- few classes ------------------------------------------------------------------------------------------------- */

static void put_table_cell(rn_page *page, const rn_evaluation_result *result, size_t label, size_t predicted)
{
    const rn_cell cell = { (int32_t)label, (int32_t)predicted,
                           rn_evaluation_confusion(result, (int64_t)label, (int64_t)predicted) };

    if (cell.count > 0)
        rn_print(page, "<td class=\"%s q%d\">%" PRId64 "</td>", label == predicted ? "r" : "x", level_of(result, &cell),
                 cell.count);
    else
        rn_put(page, "<td>0</td>");
}

static void put_table(rn_page *page, const rn_report *report)
{
    const size_t classes = report->result->classes;

    rn_put(page, "<div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-label=\"Confusion matrix\"><table class=\""
                 "matrix\"><caption>Confusion matrix: a row a class, a column an answer</caption>"
                 "<thead><tr><th scope=\"col\">Class</th>");
    for (size_t c = 0; c < classes; c++)
        rn_print(page, "<th scope=\"col\">%s</th>", rn_report_class(report, (int64_t)c));
    rn_put(page, "</tr></thead><tbody>\n");
    for (size_t label = 0; label < classes; label++) {
        rn_print(page, "<tr><th scope=\"row\">%s</th>", rn_report_class(report, (int64_t)label));
        for (size_t predicted = 0; predicted < classes; predicted++)
            put_table_cell(page, report->result, label, predicted);
        rn_put(page, "</tr>\n");
    }
    rn_put(page, "</tbody></table></div>\n");
}

/* ---- many -------------------------------------------------------------------------------------------------------- */

/* Cells in the order in which they are drawn. */
typedef struct drawn {
    int32_t level, label, predicted; /* level: of right ones above those of wrong ones */
    int64_t count;
} drawn;

static int more_photos(const void *a, const void *b)
{
    const drawn *const x = a, *const y = b;

    if (x->count != y->count)
        return x->count > y->count ? -1 : 1;
    return x->label != y->label ? (x->label > y->label) - (x->label < y->label)
                                : (x->predicted > y->predicted) - (x->predicted < y->predicted);
}

static int same_path(const void *a, const void *b)
{
    const drawn *const x = a, *const y = b;

    return x->level != y->level ? (x->level > y->level) - (x->level < y->level) : more_photos(a, b);
}

/* The cells that are drawn, sorted by path; gives how many. */
static size_t choose_cells(drawn *cell, const rn_evaluation_result *result)
{
    size_t count = 0;

    for (size_t i = 0; i < result->cell_count; i++) {
        const rn_cell *const from = &result->cell[i];

        if (from->predicted >= 0)
            cell[count++] = (drawn){ level_of(result, from) + (is_confusion(from) ? 0 : LEVELS), from->label,
                                     from->predicted, from->count };
    }
    if (count > CELLS_SHOWN) {
        qsort(cell, count, sizeof *cell, more_photos);
        count = CELLS_SHOWN;
    }
    qsort(cell, count, sizeof *cell, same_path);
    return count;
}

static void draw_cells(rn_page *page, const drawn *cell, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const bool is_right = cell[i].level > LEVELS;

        if (i == 0 || cell[i].level != cell[i - 1].level || cell[i].count != cell[i - 1].count) {
            rn_put(page, i > 0 ? "\"/>\n" : "");
            rn_print(page, "<path class=\"%s o%d\" data-n=\"%" PRId64 "\" d=\"", is_right ? "r" : "x",
                     cell[i].level - (is_right ? LEVELS : 0), cell[i].count);
        }
        rn_print(page, "M%d %dh1", cell[i].predicted, cell[i].label);
    }
    rn_put(page, count > 0 ? "\"/>\n" : "");
}

/* Names beside the rows and, turned, above the columns. */
static void draw_names(rn_page *page, const rn_report *report, int64_t side)
{
    enum { CHARACTERS = 22 }; /* that fit the margin */

    for (size_t c = 0; c < report->result->classes; c++) {
        const int64_t at = MARGIN + (int64_t)c * side + side / 2 + side / 4;

        rn_print(page, "<text class=\"t e\" x=\"116\" y=\"%" PRId64 "\">", at);
        rn_put_cut(page, rn_report_class(report, (int64_t)c), CHARACTERS);
        rn_print(page, "</text><text class=\"t s\" transform=\"translate(%" PRId64 " 116) rotate(-90)\">", at);
        rn_put_cut(page, rn_report_class(report, (int64_t)c), CHARACTERS);
        rn_put(page, "</text>\n");
    }
}

static void put_drawing(rn_page *page, const rn_report *report, const drawn *cell, size_t count)
{
    const int64_t classes = (int64_t)report->result->classes;
    const bool is_named = classes <= NAMED_CLASSES;
    const int64_t side = classes <= 50 ? 18
                         : is_named    ? 10
                                       : 1,
                  margin = is_named ? MARGIN : 0, size = margin + classes * side;

    rn_put(page,
           "<figure><figcaption>Confusion matrix: a row a class, a column what its photos were taken for. <span "
           "class=\"key r\">Right</span> or <span class=\"key x\">wrong</span>: the stronger, the larger the part "
           "of the class. The tables have the numbers.");
    if (count == CELLS_SHOWN)
        rn_put(page, " The 20,000 cells with the most photos are drawn.");
    rn_put(page, "</figcaption>\n<div class=\"scroll heat\" role=\"region\" tabindex=\"0\" aria-label=\"Confusion "
                 "matrix\"><svg id=\"heat\" role=\"img\" aria-label=\"Confusion matrix\"");
    rn_print(page,
             " class=\"%s\" width=\"%" PRId64 "\" viewBox=\"0 0 %" PRId64 " %" PRId64 "\" data-m=\"%" PRId64
             "\" data-s=\"%" PRId64 "\" data-c=\"%" PRId64 "\">\n",
             is_named ? "named" : "tiny", is_named ? size : 1000, size, size, margin, side, classes);
    if (is_named)
        draw_names(page, report, side);
    rn_print(page,
             "<rect class=\"frame\" x=\"%" PRId64 "\" y=\"%" PRId64 "\" width=\"%" PRId64 "\" height=\"%" PRId64
             "\"/>\n<g transform=\"translate(%" PRId64 " %" PRId64 ") scale(%" PRId64 ") translate(0 .5)\">\n",
             margin, margin, classes * side, classes * side, margin, margin, side);
    draw_cells(page, cell, count);
    rn_put(page, "</g></svg></div></figure>\n");
}

void rn_report_confusions(rn_page *page, const rn_report *report)
{
    if (report->result->classes <= TABLE_CLASSES)
        put_table(page, report);
    put_list(page, report);
}

rn_status rn_report_matrix(rn_page *page, const rn_report *report)
{
    const rn_allocator *const allocator = &report->context->allocator;
    drawn *cell;

    if (report->result->classes <= TABLE_CLASSES)
        return RN_OK;
    cell = rn_allocate_array(allocator, report->result->cell_count, sizeof *cell);
    if (cell == NULL)
        return rn_fail(&report->context->message, RN_NO_MEMORY, "no memory to draw a confusion matrix");
    put_drawing(page, report, cell, choose_cells(cell, report->result));
    rn_release(allocator, cell);
    return RN_OK;
}
