/* SPDX-License-Identifier: MIT */
/* A call of rn_trainer_fit: shared by fit.c, which runs it, and what it is made of. */
#ifndef RN_TRAIN_FIT_H
#define RN_TRAIN_FIT_H

#include "run/tape.h"
#include "train/slices.h"

/* What has been seen of the training in this fit by this process (watch.c). */
typedef struct rn_watch {
    int64_t batches, dead; /* of this epoch; and those at which every gradient was 0 */
    int64_t predicted;     /* the class that all validation photos were taken for so far, or one of the below */
    double first;          /* the loss of the first batch */
    bool flat;             /* the last batch's loss is what guessing costs */
    bool said_diverging, said_dead, said_one_class;
} rn_watch;

enum { RN_WATCH_NONE = -1, RN_WATCH_SEVERAL = -2 };

typedef struct rn_fit {
    rn_trainer *trainer;
    rn_phase *phase;
    rn_fit_options options;    /* what they point to is the caller's */
    rn_tensor *class_weights;  /* or NULL */
    double *lrs;               /* of each group, as last looked at while training */
    double begun, epoch_begun; /* seconds of the monotonic clock */
    double training_seconds;   /* of this epoch; 0 while it lasts */
    double loading_begun;      /* what the loaders had waited when it began */
    int64_t images;            /* trained in this epoch since it was begun or resumed */
    int64_t skipped;           /* likewise, in slices */
    double exchange_seconds;   /* of this epoch, of gradients with other processes */
    double exchange_waited;    /* of these, when there was nothing to compute meanwhile */
    int64_t first_batch;       /* at which it began in this epoch */
    int32_t gathered;          /* batches whose gradients wait for a step */
    int64_t gathered_photos;   /* in them */
    double loss;               /* of the last batch */
    bool cancelled;            /* the callback wishes so; it waits for the step */
    bool interrupted;          /* stopped between two steps, with the state saved */
    bool ending;               /* the callback has had enough: the epoch is the last */
    rn_watch watch;
    rn_tensor *mixed, *targets, *mixed_labels; /* mix_batch.c; NULL before the first batch that is mixed */
} rn_fit;

/* ---- fit_report.c ------------------------------------------------------------------------------------------------ */

/* The failure of a fit that its callback ends after this batch. */
rn_status rn_fit_cancelled(const rn_fit *fit, int32_t epoch, int64_t batch);
void rn_fit_look_at_rates(rn_fit *fit);
/* Seconds that this epoch has waited for photos. */
double rn_fit_loading_seconds(const rn_fit *fit);
/* Calls the callback; `ended`: the row of the epoch that has just ended, or NULL inside one. RN_CANCELLED if it, or
 * that of another process, wishes so. */
rn_status rn_fit_report(rn_fit *fit, const rn_history_row *ended);
/* The same after each forward of validation; `payload` is the fit. */
rn_status rn_fit_report_validation(void *payload);

/* ---- watch.c ----------------------------------------------------------------------------------------------------- */

void rn_watch_begin_epoch(rn_fit *fit);
/* RN_INVALID_ARGUMENT: a loss that is no finite number, with what can be told of its cause. */
rn_status rn_watch_loss(rn_fit *fit, double loss);
/* False after a loss that rn_watch_loss refuses, or for which all gradients have to be looked at before the step. */
bool rn_watch_lets_step(const rn_fit *fit, double loss);
/* A session's gradient_ready, and the same for all gradients that lie in the store. */
void rn_watch_gradient(void *fit, const rn_ready *ready);
void rn_watch_gradients(rn_fit *fit);
/* After either. */
void rn_watch_step(rn_fit *fit);
/* After each forward of validation. */
void rn_watch_validation(rn_fit *fit);
/* Warns of what the epoch has shown. */
void rn_watch_end_epoch(rn_fit *fit, const rn_history_row *row, int64_t valid_count);

/* ---- mix_batch.c ------------------------------------------------------------------------------------------------- */

bool rn_fit_mixes(const rn_fit_options *options);
/* What becomes of a batch of images that is mixed; borrowed until the next. */
rn_status rn_fit_mix(rn_ready_batch *ready, rn_fit *f, const rn_batch *batch);
void rn_fit_release_mixed(rn_fit *f);

/* ---- step.c ------------------------------------------------------------------------------------------------------ */

/* Makes a tensor of the options' class weights, if there are any. RN_SHAPE: not one for each class. */
rn_status rn_fit_take_class_weights(rn_fit *fit);
/* Trains a batch, and makes a step if it completes one. */
rn_status rn_fit_batch(rn_fit *fit, const rn_batch *batch);
/* Trains a batch in slices, by all processes, and makes the step; `read`: how reading the batch has ended. */
rn_status rn_fit_slices(rn_slice_result *result, rn_fit *fit, const rn_batch *batch, rn_status read);
/* The step of the batches that are waiting, if there are any. */
rn_status rn_fit_step(rn_fit *fit);

/* ---- phase_options.c --------------------------------------------------------------------------------------------- */

/* The options as a struct of this library's size and as a phase with every default filled in. Its name and what the
 * options point to are still the caller's. */
rn_status rn_phase_read(rn_phase *phase, rn_fit_options *options, const rn_fit_options *given, rn_message *message);
/* Going on means going on with the same, or for longer: RN_STATE names what differs from the first call. */
rn_status rn_phase_check_same(const rn_phase *known, const rn_phase *wanted, rn_message *message);

/* True if the phase, so far, is one that stop_patience ends. */
bool rn_phase_has_stalled(const rn_train_state *state, const rn_phase *phase, const rn_fit_options *options);
/* The figure that the options look at. */
double rn_phase_monitored(const rn_history_row *row, const rn_fit_options *options);

/* ---- schedule.c -------------------------------------------------------------------------------------------------- */

/* True if the rate may change with every step of the optimizer, and not with epochs. */
bool rn_phase_steps_by_batch(const rn_fit_options *options);
/* The optimizer has made a step: so does a schedule by batch. Behind the last rate of one cycle comes none. */
rn_status rn_phase_stepped(rn_trainer *trainer, const rn_phase *phase, const rn_fit_options *options);
/* True if the rates depend on how many epochs there are. */
bool rn_phase_schedule_ends(const rn_fit_options *options);
/* Makes optimizer, scheduler and average; on failure those before may be there. */
rn_status rn_phase_make_optimizer(rn_trainer *trainer, const rn_phase *phase, const rn_fit_options *options);
void rn_phase_release_optimizer(rn_trainer *trainer);

/* ---- phase.c ----------------------------------------------------------------------------------------------------- */

/* Which phase of the state a call means; NULL: a new one. RN_STATE where it may not run. */
rn_status rn_phase_decide(rn_phase **phase, rn_trainer *trainer, const rn_phase *wanted, const rn_fit_options *options);
/* Makes the trainer ready to train *phase, or a new phase if that is NULL, which is then stored there. */
rn_status rn_phase_begin(rn_phase **phase, rn_trainer *trainer, const rn_phase *wanted, const rn_fit_options *options);

#endif
