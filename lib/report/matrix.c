/* SPDX-License-Identifier: MIT */
/*
 * Confusions: the largest as a list, and all as a matrix. Few classes are a table of numbers. Many are a drawing, in
 * which cells of the same shade and number are one path, a short line a cell: a thousand classes take a few bytes for
 * each cell that is not 0. The script reads the numbers for its tooltips out of the same paths.
 */
#include "report/sections.h"

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
        rn_put(page, "<tr><th scope=\"row\">");
        rn_put_name(page, rn_report_class(report, largest[i]->label));
        rn_put(page, "</th><td class=\"w\">");
        rn_put_name(page, rn_report_class(report, largest[i]->predicted));
        rn_put(page, "</td>");
        rn_put_cell(page, (double)largest[i]->count, 0);
        rn_put(page, "<td>");
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

    rn_put(page, "<td");
    if (cell.count > 0) {
        rn_put(page, label == predicted ? " class=\"r q" : " class=\"x q");
        rn_put_count(page, level_of(result, &cell));
        rn_put(page, "\"");
    }
    rn_put(page, ">");
    rn_put_count(page, cell.count);
    rn_put(page, "</td>");
}

static void put_table(rn_page *page, const rn_report *report)
{
    const size_t classes = report->result->classes;

    rn_put(page, "<div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-label=\"Confusion matrix\"><table class=\""
                 "matrix\"><caption>Confusion matrix: a row a class, a column an answer</caption>"
                 "<thead><tr><th scope=\"col\">Class</th>");
    for (size_t c = 0; c < classes; c++) {
        rn_put(page, "<th scope=\"col\">");
        rn_put_name(page, rn_report_class(report, (int64_t)c));
        rn_put(page, "</th>");
    }
    rn_put(page, "</tr></thead><tbody>\n");
    for (size_t label = 0; label < classes; label++) {
        rn_put(page, "<tr><th scope=\"row\">");
        rn_put_name(page, rn_report_class(report, (int64_t)label));
        rn_put(page, "</th>");
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
            rn_put(page, i > 0 ? "\"/>\n<path class=\"" : "<path class=\"");
            rn_put(page, is_right ? "r o" : "x o");
            rn_put_count(page, cell[i].level - (is_right ? LEVELS : 0));
            rn_put(page, "\" data-n=\"");
            rn_put_count(page, cell[i].count);
            rn_put(page, "\" d=\"");
        }
        rn_put(page, "M");
        rn_put_count(page, cell[i].predicted);
        rn_put(page, " ");
        rn_put_count(page, cell[i].label);
        rn_put(page, "h1");
    }
    rn_put(page, count > 0 ? "\"/>\n" : "");
}

/* Names beside the rows and, turned, above the columns. */
static void draw_names(rn_page *page, const rn_report *report, int64_t side)
{
    enum { CHARACTERS = 22 }; /* that fit the margin */

    for (size_t c = 0; c < report->result->classes; c++) {
        const int64_t at = MARGIN + (int64_t)c * side + side / 2 + side / 4;

        rn_put(page, "<text class=\"t e\" x=\"116\" y=\"");
        rn_put_count(page, at);
        rn_put(page, "\">");
        rn_put_cut(page, rn_report_class(report, (int64_t)c), CHARACTERS);
        rn_put(page, "</text><text class=\"t s\" transform=\"translate(");
        rn_put_count(page, at);
        rn_put(page, " 116) rotate(-90)\">");
        rn_put_cut(page, rn_report_class(report, (int64_t)c), CHARACTERS);
        rn_put(page, "</text>\n");
    }
}

/* `before`, a number, `after`. */
static void put_around(rn_page *page, const char *before, int64_t value, const char *after)
{
    rn_put(page, before);
    rn_put_count(page, value);
    rn_put(page, after);
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
    put_around(page, " width=\"", is_named ? size : 1000, "\"");
    put_around(page, " viewBox=\"0 0 ", size, " ");
    put_around(page, "", size, "\"");
    rn_put(page, is_named ? "" : " class=\"tiny\"");
    put_around(page, " data-m=\"", margin, "\"");
    put_around(page, " data-s=\"", side, "\"");
    put_around(page, " data-c=\"", classes, "\">\n");
    if (is_named)
        draw_names(page, report, side);
    put_around(page, "<rect class=\"frame\" x=\"", margin, "\"");
    put_around(page, " y=\"", margin, "\"");
    put_around(page, " width=\"", classes * side, "\"");
    put_around(page, " height=\"", classes * side, "\"/>\n");
    put_around(page, "<g transform=\"translate(", margin, " ");
    put_around(page, "", margin, ") ");
    put_around(page, "scale(", side, ") translate(0 .5)\">\n");
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
