/* SPDX-License-Identifier: MIT */
/*
 * What tells one scheduler from another. Rates are computed as PyTorch's get_lr does, from the group's rate of before,
 * so that one that was set by hand in between is kept and scaled from there; and so a rate and a number of steps are
 * all the state that there is (but for plateau.c).
 */
#ifndef RN_OPTIM_SCHEDULE_H
#define RN_OPTIM_SCHEDULE_H

#include "optim/rule.h"

enum { RN_SCHEDULE_NUMBERS = 7 };

typedef struct rn_schedule {
    const char *name;                        /* in state dicts: "step" */
    const char *torch;                       /* "StepLR" */
    const char *number[RN_SCHEDULE_NUMBERS]; /* what PyTorch calls its numbers; the first NULL ends them */
    uint32_t whole;                          /* bit i: number i is a whole one */
    bool exchanged;                          /* with PyTorch's files, where its state is these numbers */
    bool (*is_sound)(const double *number);  /* what the numbers may be, all being finite */
    /* The rate of a group behind step `epoch` >= 1, from that before it; NULL: `step` knows. */
    double (*rate)(const rn_scheduler *scheduler, const rn_optimizer_group *group);
    /* The factor by which the initial rate is the first one; NULL: 1. */
    double (*first)(const rn_scheduler *scheduler);
    /* Makes a step in another way; NULL: every group by `rate`. */
    rn_status (*step)(rn_scheduler *scheduler, double metric);
    /* `epoch` has been set: what follows from it besides rates. NULL: nothing. */
    void (*restored)(rn_scheduler *scheduler);
} rn_schedule;

struct rn_scheduler {
    rn_optimizer *optimizer; /* retained */
    const rn_schedule *schedule;
    double number[RN_SCHEDULE_NUMBERS];
    int64_t epoch;      /* steps that were made */
    int64_t *milestone; /* ascending; owned, or NULL */
    size_t milestone_count;
    rn_scheduler **part; /* of a sequence: milestone_count + 1, owned; or NULL */
    /* plateau.c */
    double best;
    int64_t bad_epochs, cooldown_left;
};

/*
 * A scheduler with these numbers, which takes note of the rates that it finds as the initial ones, unless another has.
 * Rates are set to the first. RN_INVALID_ARGUMENT: they are not sound, or milestones that do not ascend from 1.
 */
rn_status rn_scheduler_make(rn_scheduler **scheduler, rn_optimizer *optimizer, const rn_schedule *schedule,
                            const double *number, const int64_t *milestones, size_t milestone_count);
extern const rn_schedule rn_plateau_schedule;
/* One of those that are exchanged, by its name (not PyTorch's), or NULL (schedules.c). */
const rn_schedule *rn_schedule_find(const char *name);

/* The message of the optimizer's context. */
rn_message *rn_scheduler_message(const rn_optimizer *optimizer);
/* How every call that makes a scheduler begins: *scheduler becomes NULL, a call without its objects is refused, and its
 * options are read into `size` bytes. */
rn_status rn_scheduler_begin_call(void *read, size_t size, rn_scheduler **scheduler, const rn_optimizer *optimizer,
                                  const void *options, const char *call);
/* Sets every group to the scheduler's first rate and the scheduler to its beginning. */
void rn_scheduler_begin(rn_scheduler *scheduler);
/* One step. */
rn_status rn_scheduler_advance(rn_scheduler *scheduler, double metric);

#endif
