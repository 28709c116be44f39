/* SPDX-License-Identifier: MIT */
/*
 * A chart is a frame of ticks, at most two lines, and for each epoch shown an invisible column that has a tooltip: its
 * circles appear when the pointer is over it, without a script. The first line of two is dashed, so that the two are
 * told apart without their colours.
 */
#include "report/chart.h"

#include <inttypes.h>
#include <math.h>

enum { LEFT = 50, RIGHT = 16, TOP = 44, BOTTOM = 36, TICKS = 5, CIRCLE = 3, PHASES = 100, NAMED = 50, CHARACTER = 7 };

/* The vertical axis: what stands at its two ends. */
typedef struct axis {
    double low, high, step;
    bool is_logarithmic;
} axis;

static double value_of(const rn_chart *chart, int32_t line, const rn_epoch *epoch)
{
    return *(const double *)(const void *)((const char *)epoch + chart->line[line].offset);
}

/* What a chart can show: a history may hold any number, and arithmetic with these neither overflows nor vanishes. */
static const double largest = 1e100, smallest = 1e-100;

static bool is_drawable(const rn_chart *chart, double value)
{
    return chart->is_part ? value >= 0 && value <= 1 : fabs(value) <= largest; /* no NaN */
}

static bool find_range(double *low, double *high, const rn_chart *chart, const rn_run *run)
{
    *low = INFINITY;
    *high = -INFINITY;
    for (size_t i = 0; i < run->count; i++)
        for (int32_t k = 0; k < chart->lines; k++) {
            const double value = value_of(chart, k, &run->epoch[i]);

            if (is_drawable(chart, value)) {
                *low = fmin(*low, value);
                *high = fmax(*high, value);
            }
        }
    return *low <= *high;
}

bool rn_chart_has_numbers(const rn_chart *chart, const rn_run *run)
{
    double low, high;

    return find_range(&low, &high, chart, run);
}

/* 1, 2 or 5 times a power of ten, at least `least`. */
static double round_step(double least)
{
    const double power = pow(10, floor(log10(least))), part = least / power;

    return power * (part <= 1 ? 1 : part <= 2 ? 2 : part <= 5 ? 5 : 10);
}

static axis make_axis(const rn_chart *chart, const rn_run *run)
{
    axis a = { 0 };
    double low, high;

    find_range(&low, &high, chart, run);
    a.is_logarithmic = chart->is_logarithmic && low > smallest && high > 9.99 * low;
    if (a.is_logarithmic) {
        low = log10(low);
        high = log10(high);
    }
    if (high - low <= fmax(1e-9 * fabs(high), smallest)) { /* all the same: in the middle */
        const double room = fabs(high) > 2 * smallest ? fabs(high) / 2 : 0.5;

        low -= room;
        high += room;
    }
    a.step = a.is_logarithmic ? fmax(1, round_step((high - low) / TICKS)) : round_step((high - low) / TICKS);
    a.low = floor(low / a.step + 1e-9) * a.step;
    a.high = ceil(high / a.step - 1e-9) * a.step;
    if (chart->is_part) {
        a.low = fmax(a.low, 0);
        a.high = fmin(a.high, 1);
    }
    return a;
}

static double x_of(const rn_run *run, size_t index)
{
    const double room = RN_CHART_WIDTH - LEFT - RIGHT;

    return LEFT + room * (run->count > 1 ? (double)index / (double)(run->count - 1) : 0.5);
}

static double y_of(const axis *a, double value)
{
    const double room = RN_CHART_HEIGHT - TOP - BOTTOM, at = a->is_logarithmic ? log10(value) : value;

    return RN_CHART_HEIGHT - BOTTOM - room * (at - a->low) / (a->high - a->low);
}

static void put_value(rn_page *page, const rn_chart *chart, double value)
{
    if (chart->is_part)
        rn_put_part(page, value);
    else if (chart->is_logarithmic || fabs(value) >= 1e6)
        rn_put_shortest(page, value);
    else
        rn_put_number(page, value, fabs(value) >= 100 ? 1 : 4);
}

static void put_word(rn_page *page, const char *anchor, double x, double y, const char *text, size_t characters)
{
    rn_print(page, "<text class=\"t %s\" x=\"%.1f\" y=\"%.1f\">", anchor, x, y);
    rn_put_cut(page, text, characters);
    rn_put(page, "</text>\n");
}

/* ---- the frame --------------------------------------------------------------------------------------------------- */

static void draw_rule(rn_page *page, const char *class, double x1, double y1, double x2, double y2)
{
    rn_print(page, "<line class=\"%s\" x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\"/>", class, x1, y1, x2, y2);
}

/* As many digits as tell one tick from the next; of small numbers as "2.5e-4". */
static void put_tick(rn_page *page, const rn_chart *chart, const axis *a, double value)
{
    const double times = chart->is_part ? 100 : 1, step = times * a->step, size = fmax(fabs(a->low), fabs(a->high));
    const double power = a->is_logarithmic ? value : floor(log10(size));
    const bool is_small = !chart->is_part && size < 0.01;

    if (a->is_logarithmic || (is_small && value != 0)) {
        if (!a->is_logarithmic)
            rn_put_number(page, value / pow(10, power), 1);
        rn_print(page, "%se%.0f", a->is_logarithmic ? "1" : "", power);
    } else {
        rn_put_number(page, times * value, step >= 1 || value == 0 ? 0 : (int32_t)fmin(6, ceil(-log10(step) - 1e-9)));
    }
    rn_put(page, chart->is_part ? "%" : "");
}

static void draw_ticks(rn_page *page, const rn_chart *chart, const axis *a, const rn_run *run)
{
    const size_t step = (size_t)fmax(1, round_step((double)run->count / 6));
    const int64_t ticks = llround((a->high - a->low) / a->step);

    for (int64_t i = 0; i <= ticks; i++) {
        const double value = fmin(a->high, a->low + (double)i * a->step),
                     y = RN_CHART_HEIGHT - BOTTOM -
                         (RN_CHART_HEIGHT - TOP - BOTTOM) * (value - a->low) / (a->high - a->low);

        draw_rule(page, "g", LEFT, y, RN_CHART_WIDTH - RIGHT, y);
        rn_print(page, "<text class=\"t e\" x=\"%d\" y=\"%.1f\">", LEFT - 6, y + 4);
        put_tick(page, chart, a, value);
        rn_put(page, "</text>\n");
    }
    for (size_t i = step - 1; i < run->count; i += step)
        rn_print(page, "<text class=\"t m\" x=\"%.1f\" y=\"%d\">%zu</text>\n", x_of(run, i),
                 RN_CHART_HEIGHT - BOTTOM + 17, i + 1);
    put_word(page, "e", RN_CHART_WIDTH - RIGHT, RN_CHART_HEIGHT - 4, "epoch", SIZE_MAX);
}

/* Where phases begin, and their names where there is room for them. */
static void draw_phases(rn_page *page, const rn_run *run)
{
    if (run->phase_count < 2 || run->phase_count > PHASES)
        return;
    for (size_t i = 0; i < run->phase_count; i++) {
        const size_t first = run->phase[i].first,
                     next = i + 1 < run->phase_count ? run->phase[i + 1].first : run->count - 1;
        const double x = i == 0 ? LEFT : (x_of(run, first) + x_of(run, first - 1)) / 2, room = x_of(run, next) - x;

        if (i > 0)
            draw_rule(page, "p", x, TOP - 16, x, RN_CHART_HEIGHT - BOTTOM);
        if (room >= NAMED)
            put_word(page, "s", x + 5, TOP - 6, run->phase[i].name, (size_t)(room / CHARACTER));
    }
}

static void draw_legend(rn_page *page, const rn_chart *chart)
{
    double x = LEFT;

    rn_print(page, "<text class=\"h s\" x=\"0\" y=\"15\">%s</text>\n", chart->title);
    for (int32_t k = 0; k < chart->lines && chart->lines > 1; k++) {
        x = RN_CHART_WIDTH - RIGHT - 110 * (chart->lines - k);
        draw_rule(page, k == 0 ? "l0" : "l1", x, 11, x + 24, 11);
        put_word(page, "s", x + 30, 15, chart->line[k].name, SIZE_MAX);
    }
}

/* ---- lines ------------------------------------------------------------------------------------------------------- */

static bool can_show(const rn_chart *chart, const axis *a, double value)
{
    return is_drawable(chart, value) && (!a->is_logarithmic || value > 0);
}

static void draw_circle(rn_page *page, const char *class, double x, double y, int radius)
{
    rn_print(page, "<circle class=\"%s\" cx=\"%.1f\" cy=\"%.1f\" r=\"%d\"/>", class, x, y, radius);
}

static void draw_line(rn_page *page, const rn_chart *chart, int32_t line, const axis *a, const rn_run *run)
{
    bool drawing = false;

    rn_put(page, chart->lines > 1 && line == 0 ? "<path class=\"l0\" d=\"" : "<path class=\"l1\" d=\"");
    for (size_t i = 0; i < run->count; i++) {
        const double value = value_of(chart, line, &run->epoch[i]);

        if (!rn_run_shows(run, i))
            continue;
        if (can_show(chart, a, value))
            rn_print(page, "%s%.1f %.1f", drawing ? "L" : "M", x_of(run, i), y_of(a, value));
        drawing = can_show(chart, a, value);
    }
    rn_put(page, "\"/>\n");
    if (run->count == 1 && drawing) /* a line of one point is none */
        draw_circle(page, chart->lines > 1 && line == 0 ? "d0" : "d1", x_of(run, 0),
                    y_of(a, value_of(chart, line, run->epoch)), CIRCLE);
}

/* The column of an epoch: its tooltip, and what appears with it. */
static void draw_column(rn_page *page, const rn_chart *chart, const axis *a, const rn_run *run, size_t index)
{
    const rn_epoch *const epoch = &run->epoch[index];
    const double width =
        fmax(2, (double)(RN_CHART_WIDTH - LEFT - RIGHT) * (double)rn_run_stride(run) / (double)run->count);

    rn_print(page, "<g class=\"c\"><title>%s %" PRId64, run->phase[epoch->phase].name, epoch->epoch + 1);
    for (int32_t k = 0; k < chart->lines; k++) {
        rn_print(page, "%s %s ", k == 0 ? ":" : ",", chart->line[k].name);
        put_value(page, chart, value_of(chart, k, epoch));
    }
    rn_print(page, "%s</title><rect x=\"%.1f\" y=\"%d\" width=\"%.1f\" height=\"%d\"/>",
             index == run->best ? " (best)" : "", x_of(run, index) - width / 2, TOP, width,
             RN_CHART_HEIGHT - TOP - BOTTOM);
    for (int32_t k = 0; k < chart->lines; k++) {
        const double value = value_of(chart, k, epoch);

        if (can_show(chart, a, value))
            draw_circle(page, chart->lines > 1 && k == 0 ? "d0" : "d1", x_of(run, index), y_of(a, value), CIRCLE);
    }
    rn_put(page, "</g>\n");
}

/* Around the last line's number of the best epoch. */
static void draw_best(rn_page *page, const rn_chart *chart, const axis *a, const rn_run *run)
{
    double value;

    if (run->best == SIZE_MAX || chart->lines < 2)
        return;
    value = value_of(chart, chart->lines - 1, &run->epoch[run->best]);
    if (!can_show(chart, a, value))
        return;
    draw_circle(page, "b", x_of(run, run->best), y_of(a, value), 2 * CIRCLE);
    rn_put(page, "\n");
}

void rn_chart_draw(rn_page *page, const rn_chart *chart, const rn_run *run)
{
    const axis a = make_axis(chart, run);

    draw_legend(page, chart);
    draw_ticks(page, chart, &a, run);
    draw_phases(page, run);
    for (int32_t k = 0; k < chart->lines; k++)
        draw_line(page, chart, k, &a, run);
    draw_best(page, chart, &a, run);
    for (size_t i = 0; i < run->count; i++)
        if (rn_run_shows(run, i))
            draw_column(page, chart, &a, run, i);
}
