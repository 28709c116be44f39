/* SPDX-License-Identifier: MIT */
/* What finetune.c reads from the command line, and what it says of it. */
#ifndef EXAMPLES_FINETUNE_SETTINGS_H
#define EXAMPLES_FINETUNE_SETTINGS_H

#include "common/args.h"
#include "common/progress.h"
#include "common/weights.h"
#include "finetune/choices.h"

enum { PATH_SIZE = 4096 };

typedef struct settings {
    const char *data, *arch, *labels, *directory, *preset, *pipeline, *training_pipeline, *phase, *features;
    const char *recipe, *config;             /* NULL: the tutorial's, none */
    char train[PATH_SIZE], valid[PATH_SIZE]; /* found below `data` */
    const char *optimizer, *schedule;        /* by name; NULL: Adam, StepLR */
    const char *command;                     /* that goes on with this run */
    const char *lr_groups;                   /* as given */
    char lr_pieces[512];                     /* cut into pieces, which the groups below name */
    rn_parameter_group group[CHOICE_GROUPS];
    int group_count;
    weights weights;
    /* Of lr_step -1 and of lr_gamma 0 are what was not given. */
    double frozen_lr, lr, lr_gamma, label_smoothing, weight_decay, clip_norm, ema, mixup, cutmix;
    double spread; /* of the folds' accuracies */
    uint64_t seed;
    int32_t frozen_epochs, epochs, lr_step, warmup, patience, accumulate, batch, threads, slices, views, folds;
    const rn_collective *collective; /* the processes that mpirun has started, or NULL */
    rn_precision precision;
    size_t memory, feature_memory, cache;
    const char *cache_file;
    int balanced, from_scratch, new_head, measure_before, skip_bad_photos, resume, no_report, json;
} settings;

/* All that is known before the first batch. */
typedef struct outlook {
    const rn_context *context;
    rn_model *model;
    const rn_dataset *train, *valid;
    const settings *settings;
    int64_t head_parameters; /* what a frozen phase trains; 0 if there is none */
    size_t bad;              /* photos to validate on that do not decode */
    int reported;            /* report.html was written by this process, and without a fault */
} outlook;

/* Lines, and with --json an object on standard output as well. RN_NO_MEMORY. */
rn_status say_start(outlook *o);
/* What became of the run, in one line (and an object with --json); gives the exit status. */
int say_end(const args_program *program, const settings *s, rn_status status, const outlook *o, progress *shown,
            double accuracy);

#endif
