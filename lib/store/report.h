/* SPDX-License-Identifier: MIT */
/* What a load finds out: names by their fate, filled while a file is compared with a model. */
#ifndef RN_STORE_REPORT_H
#define RN_STORE_REPORT_H

#include "context/context.h"
#include <resnet/model.h>

enum { RN_LOAD_FATES = RN_LOAD_LEFT_OUT + 1 };

/* Names in one piece of text: of a hostile file only so many are kept, but all are counted. */
typedef struct rn_name_list {
    char **name;
    size_t kept, capacity, count;
} rn_name_list;

struct rn_load_report {
    rn_context *context; /* retained */
    rn_name_list list[RN_LOAD_FATES];
    char *prefix; /* NULL: none was taken */
    bool head_skipped;
};

enum { RN_REPORT_KEEPS = 100000 }; /* names of a fate; no network has more parameters */

rn_status rn_load_report_create(rn_load_report **report, rn_context *context);
/* Adds a name, with what is said of it behind it ("fc.weight (5, 512) in the file, ..."). RN_NO_MEMORY. */
rn_status rn_load_report_add(rn_load_report *report, rn_load_fate fate, const char *name);
/* Forgets the names of a fate. */
void rn_load_report_clear(rn_load_report *report, rn_load_fate fate);
/* True if the options do not allow what was found. */
bool rn_load_report_refuses(const rn_load_report *report, const rn_load_options *options);
/* RN_SHAPE with the advice (a sentence, or "") and the first few names of each kind of trouble. `path`, `network`: what
 * does not fit what. */
rn_status rn_load_report_fail(const rn_load_report *report, const rn_load_options *options, const char *path,
                              const char *network, const char *advice);

#endif
