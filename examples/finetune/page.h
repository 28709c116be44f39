/* SPDX-License-Identifier: MIT */
/*
 * DIR/report.html, the page about the run: written when an epoch has ended (not more often than every few seconds, but
 * always at a phase's end), and behind the last with what the best network answers to the validation photos.
 */
#ifndef EXAMPLES_FINETUNE_PAGE_H
#define EXAMPLES_FINETUNE_PAGE_H

#include "finetune/settings.h"

#include <time.h>

typedef struct run_page {
    const args_program *program;
    const settings *settings;
    progress *shown;
    rn_context *context;
    rn_trainer *trainer; /* whose page it is; set before its fit */
    time_t written;      /* the last time; 0: never */
    int pending;         /* an epoch has ended that the page does not have */
    int failed;          /* it was said */
} run_page;

/* An rn_progress_function; its payload is a run_page. Shows the progress, and writes. */
int32_t page_show(const rn_progress *p, void *payload);
/* The page of a run that is complete; `model` has its best weights. `valid` NULL: the trainer's, without a moving line.
 * What goes wrong is said and no more. */
void page_end(run_page *page, rn_model *model, rn_dataset *valid);

#endif
