/* SPDX-License-Identifier: MIT */
/* Line charts of epochs as SVG. */
#ifndef RN_REPORT_CHART_H
#define RN_REPORT_CHART_H

#include "report/page.h"
#include "report/run.h"

enum { RN_CHART_WIDTH = 440, RN_CHART_HEIGHT = 260 };

typedef struct rn_chart {
    const char *id, *title;
    struct {
        const char *name;
        size_t offset; /* of a double in rn_epoch */
    } line[2];
    int32_t lines;
    bool is_part;        /* of 1, shown as percent */
    bool is_logarithmic; /* where the numbers are over a decade */
} rn_chart;

/* True if there is anything to draw. */
bool rn_chart_has_numbers(const rn_chart *chart, const rn_run *run);
/* The drawing of RN_CHART_WIDTH x RN_CHART_HEIGHT without <svg> around it. Colours are the page's classes. */
void rn_chart_draw(rn_page *page, const rn_chart *chart, const rn_run *run);

#endif
