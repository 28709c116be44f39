/* SPDX-License-Identifier: MIT */
/* The parts of the page, in their order: one file each. */
#ifndef RN_REPORT_SECTIONS_H
#define RN_REPORT_SECTIONS_H

#include "data/dataset.h"
#include "report/page.h"
#include "report/run.h"
#include "train/evaluation.h"
#include <resnet/report.h>

typedef struct rn_report {
    rn_context *context;
    rn_report_options options;          /* numbers filled in */
    const rn_run *run;                  /* NULL: none */
    const rn_model *model;              /* NULL: none */
    const rn_evaluation_result *result; /* NULL: none */
    const rn_classes *classes;          /* names of the result's classes */
} rn_report;

/* curves.c */
void rn_report_curves(rn_page *page, const rn_report *report);
/* The drawing of loss and accuracy alone, as a file of its own. */
void rn_report_curves_file(rn_page *page, const rn_run *run);
/* settings.c: what the run was asked to do. */
void rn_report_settings(rn_page *page, const rn_report *report);
/* matrix.c: the largest confusions, and the matrix if the classes are few; else the matrix. RN_NO_MEMORY. */
void rn_report_confusions(rn_page *page, const rn_report *report);
rn_status rn_report_matrix(rn_page *page, const rn_report *report);
/* class_table.c: scores of all classes. RN_NO_MEMORY. */
rn_status rn_report_classes(rn_page *page, const rn_report *report);
/* photos.c: mistakes, and the grid. RN_NO_MEMORY. */
rn_status rn_report_photos(rn_page *page, const rn_report *report);
/* network.c */
void rn_report_network(rn_page *page, const rn_report *report);

/* style.c, in the order of the page. */
extern const char rn_report_colours[], rn_report_style[], rn_report_chart_style[], rn_report_more_style[],
    rn_report_script[];

/* Of a class, for the reader. */
static inline const char *rn_report_class(const rn_report *report, int64_t class)
{
    return class >= 0 ? rn_classes_name(report->classes, (size_t) class) : "no class";
}

#endif
