/* SPDX-License-Identifier: MIT */
/*
 * rn_trainer_fit: epochs of training batches, each followed by validation, then files.
 *
 * The order at the end of an epoch is best, last, history. Killed anywhere in it, the run goes on from the
 * last.safetensors that lies there and, being a pure function of it, writes again what was written ahead of it. The
 * state changes only together with the weights: whatever fails in between leaves a trainer that refuses to go on, and
 * files that a new one resumes from.
 */
#define _POSIX_C_SOURCE 200809L
#include "train/fit.h"

#include <math.h>
#include <stdio.h>
#include <time.h>

typedef struct fit {
    rn_trainer *trainer;
    rn_phase *phase;
    rn_fit_options options;    /* what they point to is the caller's */
    double begun, epoch_begun; /* seconds of the monotonic clock */
    double training_seconds;   /* of this epoch; 0 while it lasts */
    int64_t images;            /* trained in this epoch by this process */
    int64_t first_batch;       /* at which it began in this epoch */
    bool interrupted;          /* stopped between two batches, with the state saved */
    bool ending;               /* the callback has had enough: the epoch is the last */
} fit;

static double clock_seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* ---- progress -------------------------------------------------------------------------------------------------- */

/*
 * Calls the callback; `ended`: the row of the epoch that has just ended, or NULL inside one. RN_CANCELLED if it wishes
 * so.
 */
static rn_status report(fit *f, const rn_history_row *ended)
{
    const rn_trainer *trainer = f->trainer;
    const rn_train_state *state = &trainer->state;
    const double now = clock_seconds(), seconds = f->training_seconds > 0 ? f->training_seconds : now - f->epoch_begun;
    const int64_t batches = (int64_t)rn_loader_batches(trainer->train);
    const double lr = ended != NULL ? ended->lr : rn_optimizer_lr(trainer->optimizer, 0);
    const rn_progress progress = {
        .struct_size = sizeof progress,
        .phase = f->phase->name,
        .loss = ended != NULL ? ended->train_loss : rn_metrics_loss(&state->sums),
        .accuracy = ended != NULL ? ended->train_accuracy : rn_metrics_accuracy(&state->sums),
        .valid_loss = ended != NULL ? ended->valid_loss : NAN,
        .valid_accuracy = ended != NULL ? ended->valid_accuracy : NAN,
        .best_accuracy = rn_trainer_best_accuracy(trainer),
        .lr = lr,
        .lrs = &lr,
        .lr_count = 1,
        .images_per_second = seconds > 0 ? (double)f->images / seconds : 0,
        .elapsed = now - f->begun,
        .batch = ended != NULL ? batches : state->batch,
        .batches = batches,
        .epoch = ended != NULL ? ended->epoch : state->epoch,
        .epochs = f->phase->epochs,
        .epoch_ended = ended != NULL,
        .is_best = ended != NULL && ended->is_best,
        .skipped = (int64_t)rn_loader_skipped(trainer->train),
    };

    int32_t answer = RN_FIT_GO_ON;

    if (trainer->options.progress != NULL)
        answer = trainer->options.progress(&progress, trainer->options.progress_payload);
    f->ending = f->ending || answer == RN_FIT_END;
    if (answer == RN_FIT_GO_ON || answer == RN_FIT_END)
        return RN_OK;
    return rn_fail(&trainer->context->message, RN_CANCELLED,
                   "cancelled in phase \"%s\", epoch %d, after batch %lld of %lld", f->phase->name, progress.epoch,
                   (long long)progress.batch, (long long)batches);
}

static rn_status report_validation(void *payload)
{
    return report(payload, NULL);
}

/* ---- an epoch -------------------------------------------------------------------------------------------------- */

/* Stops between two batches: saves the exact place, and gives back why. */
static rn_status interrupt(fit *f, rn_status why)
{
    const rn_message reason = f->trainer->context->message;
    rn_status status;

    f->trainer->state.step_count = rn_session_step_count(f->trainer->training);
    status = rn_trainer_save_last(f->trainer);
    if (status != RN_OK)
        return status;
    f->interrupted = true;
    f->trainer->context->message = reason;
    return why;
}

/*
 * The batches of the epoch that are behind: the loader passes over those in which no photo decodes, so that batches
 * handed out do not count them.
 */
static int64_t batches_done(const fit *f)
{
    const rn_loader *loader = f->trainer->train;
    const int64_t size = f->trainer->state.batch_size, all = (int64_t)rn_loader_batches(loader);
    const int64_t photos = f->images + (int64_t)rn_loader_skipped(loader),
                  done = f->first_batch + (photos + size - 1) / size;

    return done < all ? done : all; /* the last batch may hold one photo more */
}

/* The losses of all outputs that count, together. */
static rn_status compute_loss(double *loss, const rn_trainer *trainer, const rn_tensor *labels)
{
    rn_status status = RN_OK;

    *loss = 0;
    for (size_t i = 0; status == RN_OK && rn_model_output_name(trainer->model, i) != NULL; i++) {
        const double weight = rn_model_loss_weight(trainer->model, i);
        double part;

        if (weight == 0)
            continue;
        status = rn_cross_entropy(&part, trainer->training, labels,
                                  RN_OPTIONS(rn_loss, .output = (int32_t)i, .weight = weight));
        *loss += part;
    }
    return status;
}

static rn_status train_batch(fit *f, const rn_batch *batch)
{
    rn_trainer *trainer = f->trainer;
    rn_train_state *state = &trainer->state;
    const rn_tensor *input, *logits, *labels = rn_batch_labels(batch);
    double loss;
    rn_status status = rn_features_of_batch(&input, trainer->train_features, batch);

    if (status == RN_OK)
        status = rn_session_forward(trainer->training, input);
    if (status == RN_OK)
        status = compute_loss(&loss, trainer, labels);
    if (status == RN_OK && !isfinite(loss))
        status = rn_fail(
            &trainer->context->message, RN_INVALID_ARGUMENT,
            "the loss is no longer a finite number in phase \"%s\", epoch %d, batch %lld: try a learning rate below %g",
            f->phase->name, state->epoch, (long long)state->batch, rn_optimizer_lr(trainer->optimizer, 0));
    if (status == RN_OK)
        status = rn_session_output(&logits, trainer->training, 0);
    if (status == RN_OK) {
        rn_metrics_add(&state->sums, loss, logits, labels);
        status = rn_session_backward(trainer->training);
    }
    if (status == RN_OK && f->phase->clip_norm != 0)
        status = rn_clip_gradient_norm(NULL, rn_model_parameters(trainer->model), f->phase->clip_norm, NULL);
    if (status == RN_OK)
        status = rn_optimizer_step(trainer->optimizer);
    if (status == RN_OK)
        status = rn_phase_stepped(trainer, f->phase, &f->options);
    if (status != RN_OK)
        return status;
    f->images += (int64_t)rn_batch_size(batch);
    state->batch = batches_done(f);
    return RN_OK;
}

static rn_status train_epoch(fit *f)
{
    rn_trainer *trainer = f->trainer;
    const rn_train_state *state = &trainer->state;
    const rn_batch *batch;
    rn_status status;

    f->images = 0;
    f->first_batch = state->batch;
    f->training_seconds = 0;
    f->epoch_begun = clock_seconds();
    if ((uint64_t)state->batch > rn_loader_batches(trainer->train))
        return rn_fail(&trainer->context->message, RN_FORMAT, "%s stands at batch %lld of an epoch of %zu",
                       trainer->last_path, (long long)state->batch, rn_loader_batches(trainer->train));
    status = rn_loader_start(trainer->train, rn_train_state_total_epoch(state));
    if (status == RN_OK && state->batch > 0)
        status = rn_loader_skip(trainer->train, (size_t)state->batch);
    while (status == RN_OK) {
        status = rn_trainer_settle_sessions(trainer);
        if (status != RN_OK)
            return status;
        status = rn_features_next(&batch, trainer->train, trainer->train_features);
        if (status == RN_END)
            break;
        if (status != RN_OK)
            return interrupt(f, status); /* a photo that does not decode costs no training that was done */
        status = train_batch(f, batch);
        if (status == RN_OK && report(f, NULL) != RN_OK)
            return interrupt(f, RN_CANCELLED);
    }
    f->training_seconds = clock_seconds() - f->epoch_begun;
    if (status == RN_END && state->sums.count == 0)
        return rn_fail(&trainer->context->message, RN_FORMAT, "no training photo decodes");
    return status == RN_END ? RN_OK : status;
}

/* Fills the epoch's row with the validation's figures. */
static rn_status validate(fit *f, rn_history_row *row)
{
    rn_trainer *trainer = f->trainer;
    rn_metrics metrics;
    rn_status status = rn_trainer_settle_sessions(trainer);

    if (status != RN_OK)
        return status;
    status = rn_evaluate_session(&metrics, trainer->inference, trainer->valid, trainer->valid_features,
                                 report_validation, f, &trainer->context->message);
    if (status != RN_OK)
        return interrupt(f, status); /* all of the epoch's batches are done: a resumed run begins with its validation */
    row->valid_loss = rn_metrics_loss(&metrics);
    row->valid_accuracy = rn_metrics_accuracy(&metrics);
    if (!isfinite(row->valid_loss))
        return rn_fail(&trainer->context->message, RN_INVALID_ARGUMENT,
                       "the validation loss is not a finite number in phase \"%s\", epoch %d", f->phase->name,
                       row->epoch);
    return RN_OK;
}

/* Higher accuracy wins, then lower loss. */
static bool is_better(const rn_best *best, const rn_history_row *row)
{
    if (!best->exists || row->valid_accuracy > best->accuracy)
        return true;
    return row->valid_accuracy == best->accuracy && row->valid_loss < best->loss;
}

static double monitored(const rn_fit_options *options, const rn_history_row *row)
{
    return options->monitor == RN_MONITOR_ACCURACY ? row->valid_accuracy : row->valid_loss;
}

/* Books the epoch: best, last, history, times, in this order. */
static rn_status end_epoch(fit *f, rn_history_row *row)
{
    rn_trainer *trainer = f->trainer;
    rn_message *message = &trainer->context->message;
    rn_train_state *state = &trainer->state;
    rn_status status = RN_OK;

    row->is_best = is_better(&state->best, row);
    if (row->is_best) {
        state->best = (rn_best){ .accuracy = row->valid_accuracy,
                                 .loss = row->valid_loss,
                                 .phase = row->phase,
                                 .epoch = row->epoch,
                                 .exists = true };
        status = rn_trainer_keep_best(trainer);
    }
    if (status == RN_OK && !rn_phase_steps_by_batch(&f->options))
        status =
            rn_scheduler_step(trainer->scheduler, RN_OPTIONS(rn_scheduler_step, .metric = monitored(&f->options, row)));
    if (status == RN_OK)
        status = rn_train_state_add_row(state, row, &trainer->context->allocator, message);
    if (status != RN_OK)
        return status;
    state->epoch++;
    state->batch = 0;
    state->sums = (rn_metrics){ 0 };
    state->step_count = rn_session_step_count(trainer->training);
    status = rn_trainer_save_last(trainer);
    if (status == RN_OK && trainer->directory != NULL)
        status = rn_history_write(state, trainer->history_path, &trainer->context->allocator, message);
    if (status == RN_OK && trainer->directory != NULL)
        status = rn_times_add(state, row, clock_seconds() - f->epoch_begun,
                              f->images > 0 ? (double)f->images / f->training_seconds : NAN, trainer->times_path,
                              &trainer->context->allocator, message);
    return status;
}

static rn_status run_epoch(fit *f)
{
    rn_train_state *state = &f->trainer->state;
    rn_history_row row = { .phase = (size_t)(f->phase - state->phase), .epoch = state->epoch };
    rn_status status = train_epoch(f);

    row.lr =
        rn_optimizer_lr(f->trainer->optimizer, 0); /* asked here, since a resumed epoch does not see its beginning */
    if (status == RN_OK)
        status = validate(f, &row);
    if (status != RN_OK)
        return status;
    row.train_loss = rn_metrics_loss(&state->sums);
    row.train_accuracy = rn_metrics_accuracy(&state->sums);
    status = end_epoch(f, &row);
    if (status == RN_OK) {
        status = report(f, &row);
        f->interrupted = status == RN_CANCELLED; /* everything is saved */
    }
    return status;
}

/* ---- a fit ----------------------------------------------------------------------------------------------------- */

/*
 * All epochs are done: the phase is booked as complete, with the last epoch's weights and optimizer, from which more
 * epochs can go on; then come the weights to stay with.
 */
static rn_status finish(fit *f)
{
    rn_trainer *trainer = f->trainer;
    rn_status status;

    f->phase->complete = true;
    f->phase->done = trainer->state.epoch;
    trainer->state.epoch = 0;
    status = rn_trainer_save_last(trainer);
    rn_phase_release_optimizer(trainer);
    return status == RN_OK && trainer->options.keep_last == 0 ? rn_trainer_load_best(trainer) : status;
}

/*
 * After a failure weights and state may no longer belong together. Sessions go too, since one may stand between forward
 * and backward.
 */
static void give_up(rn_trainer *trainer)
{
    trainer->failed = true;
    rn_trainer_drop_sessions(trainer);
    rn_phase_release_optimizer(trainer);
    rn_parameters_clear_gradients(rn_model_parameters(trainer->model));
}

rn_status rn_trainer_fit(rn_trainer *trainer, const rn_fit_options *options)
{
    fit f = { .trainer = trainer, .begun = clock_seconds() };
    rn_phase wanted;
    rn_status status;

    if (trainer == NULL)
        return rn_fail_null("rn_trainer_fit", "trainer");
    status = rn_phase_read(&wanted, &f.options, options, &trainer->context->message);
    if (status == RN_OK)
        status = rn_phase_decide(&f.phase, trainer, &wanted, &f.options);
    if (status == RN_OK && f.phase != NULL && f.phase->complete && wanted.epochs <= f.phase->epochs) {
        f.phase->used = true;
        return RN_OK; /* trained before this process began */
    }
    if (status == RN_OK)
        status = rn_trainer_settle_sessions(trainer);
    if (status == RN_OK)
        rn_session_set_step_count(trainer->training, trainer->state.step_count);
    if (status == RN_OK)
        status = rn_phase_begin(&f.phase, trainer, &wanted, &f.options);
    if (status != RN_OK)
        return status;
    f.phase->used = true;
    while (status == RN_OK && !f.ending && trainer->state.epoch < f.phase->epochs)
        status = run_epoch(&f);
    if (status == RN_OK)
        status = finish(&f);
    if (status != RN_OK && !f.interrupted)
        give_up(trainer);
    return status;
}
