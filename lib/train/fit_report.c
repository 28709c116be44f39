/* SPDX-License-Identifier: MIT */
/* What the caller hears of a fit, and what it answers. */
#include "base/clock.h"
#include "train/fit.h"

#include <math.h>

rn_status rn_fit_cancelled(const rn_fit *f, int32_t epoch, int64_t batch)
{
    return rn_fail(&f->trainer->context->message, RN_CANCELLED,
                   "cancelled in phase \"%s\", epoch %d, after batch %lld of %lld", f->phase->name, epoch + 1,
                   (long long)batch, (long long)rn_loader_batches(f->trainer->train));
}

void rn_fit_look_at_rates(rn_fit *f)
{
    for (size_t i = 0; i < rn_optimizer_group_count(f->trainer->optimizer); i++)
        f->lrs[i] = rn_optimizer_lr(f->trainer->optimizer, i);
}

double rn_fit_loading_seconds(const rn_fit *f)
{
    return rn_loader_seconds(f->trainer->train) + rn_loader_seconds(f->trainer->valid) - f->loading_begun;
}

/* What the callbacks of all processes answered: one that cancels, or ends, does it for all. */
static rn_status agree_to_go_on(rn_fit *f, int32_t answer)
{
    int32_t most = answer == RN_FIT_GO_ON ? 0 : answer == RN_FIT_END ? 1 : 2;
    const rn_status status = rn_team_maximum(&f->trainer->team, &most);

    f->ending = f->ending || most == 1;
    return status == RN_OK && most == 2 ? RN_CANCELLED : status;
}

rn_status rn_fit_report(rn_fit *f, const rn_history_row *ended)
{
    rn_trainer *const trainer = f->trainer;
    const rn_train_state *const state = &trainer->state;
    const double now = rn_clock_seconds(),
                 seconds = f->training_seconds > 0 ? f->training_seconds : now - f->epoch_begun;
    const int64_t batches = (int64_t)rn_loader_batches(trainer->train);
    const rn_progress progress = {
        .struct_size = sizeof progress,
        .phase = f->phase->name,
        .loss = ended != NULL ? ended->train_loss : rn_metrics_loss(&state->sums),
        .accuracy = ended != NULL ? ended->train_accuracy : rn_metrics_accuracy(&state->sums),
        .valid_loss = ended != NULL ? ended->valid_loss : NAN,
        .valid_accuracy = ended != NULL ? ended->valid_accuracy : NAN,
        .best_accuracy = rn_trainer_best_accuracy(trainer),
        .lr = f->lrs[0],
        .lrs = f->lrs,
        .lr_count = rn_optimizer_group_count(trainer->optimizer),
        .images_per_second = seconds > 0 ? (double)f->images / seconds : 0,
        .elapsed = now - f->begun,
        .loading_seconds = rn_fit_loading_seconds(f),
        .batch = ended != NULL ? batches : state->batch,
        .batches = batches,
        .epoch = ended != NULL ? ended->epoch : state->epoch,
        .epochs = f->phase->epochs,
        .epoch_ended = ended != NULL,
        .is_best = ended != NULL && ended->is_best,
        .skipped = trainer->slices != NULL ? f->skipped : (int64_t)rn_loader_skipped(trainer->train),
        .exchange_seconds = f->exchange_seconds,
        .exchange_waited = f->exchange_waited,
    };
    int32_t answer = RN_FIT_GO_ON;
    rn_status status;

    trainer->calling = true;
    if (trainer->options.progress != NULL)
        answer = trainer->options.progress(&progress, trainer->options.progress_payload);
    trainer->calling = false;
    status = agree_to_go_on(f, answer);
    return status == RN_CANCELLED ? rn_fit_cancelled(f, progress.epoch, progress.batch) : status;
}

rn_status rn_fit_report_validation(void *payload)
{
    rn_fit *const f = payload;

    if (f->trainer->team.engine.size == 1) /* of several, each sees its own share */
        rn_watch_validation(f);
    return rn_fit_report(f, NULL);
}
