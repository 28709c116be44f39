/* SPDX-License-Identifier: MIT */
/*
 * rn_trainer_fit: epochs of training batches, each followed by validation, then files.
 *
 * The order at the end of an epoch is best, last, history. Killed anywhere in it, the run goes on from the
 * last.safetensors that lies there and, being a pure function of it, writes again what was written ahead of it. The
 * state changes only together with the weights: whatever fails in between leaves a trainer that refuses to go on, and
 * files that a new one resumes from.
 */
#include "train/fit.h"
#include "train/shared.h"
#include "train/slices.h"

#include "base/clock.h"
#include <math.h>

/* ---- an epoch -------------------------------------------------------------------------------------------------- */

/* Stops between two steps: saves the exact place, and gives back why. */
static rn_status interrupt(rn_fit *f, rn_status why)
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
static int64_t batches_done(const rn_fit *f)
{
    const rn_loader *loader = f->trainer->train;
    const int64_t size = f->trainer->state.batch_size, all = (int64_t)rn_loader_batches(loader);
    const int64_t photos = f->images + (int64_t)rn_loader_skipped(loader),
                  done = f->first_batch + (photos + size - 1) / size;

    return done < all ? done : all; /* the last batch may hold one photo more */
}

/* A batch in slices; `read`: how reading it has ended. */
static rn_status train_slices(bool *untouched, rn_fit *f, const rn_batch *batch, rn_status read)
{
    rn_trainer *const trainer = f->trainer;
    rn_slice_result result;
    const rn_status status = rn_fit_slices(&result, f, batch, read);

    *untouched = result.untouched;
    if (status != RN_OK)
        return status;
    f->images += result.sums.count;
    f->skipped += result.skipped;
    f->exchange_seconds += result.exchange_seconds;
    f->exchange_waited += result.exchange_waited;
    trainer->state.batch++;
    return RN_OK;
}

static rn_status train_batch(bool *untouched, rn_fit *f, const rn_batch *batch, rn_status read)
{
    rn_status status;

    if (f->trainer->slices != NULL)
        return train_slices(untouched, f, batch, read);
    *untouched = read != RN_OK && f->gathered == 0; /* but for half a step, no training that was done is lost */
    if (read != RN_OK)
        return read;
    status = rn_fit_batch(f, batch);
    if (status != RN_OK)
        return status;
    f->images += (int64_t)rn_batch_size(batch);
    f->trainer->state.batch = batches_done(f);
    return RN_OK;
}

/* The loader at the batch where the epoch begins or goes on, and the clocks at 0. */
static rn_status begin_epoch(rn_fit *f)
{
    rn_trainer *trainer = f->trainer;
    const rn_train_state *state = &trainer->state;
    rn_status status;

    f->images = f->skipped = 0;
    f->exchange_seconds = f->exchange_waited = 0;
    f->first_batch = state->batch;
    f->training_seconds = 0;
    f->epoch_begun = rn_clock_seconds();
    f->loading_begun += rn_fit_loading_seconds(f);
    if ((uint64_t)state->batch > rn_loader_batches(trainer->train))
        return rn_fail(&trainer->context->message, RN_FORMAT, "%s stands at batch %lld of an epoch of %zu",
                       trainer->last_path, (long long)state->batch, rn_loader_batches(trainer->train));
    status = rn_loader_start(trainer->train, rn_train_state_total_epoch(state));
    if (status == RN_OK && state->batch > 0)
        status = rn_loader_skip(trainer->train, (size_t)state->batch);
    rn_watch_begin_epoch(f);
    return status;
}

static rn_status train_epoch(rn_fit *f)
{
    rn_trainer *trainer = f->trainer;
    const rn_train_state *state = &trainer->state;
    const rn_batch *batch;
    bool untouched = false;
    rn_status status = begin_epoch(f);

    while (status == RN_OK) {
        status = rn_trainer_settle_sessions(trainer);
        if (status != RN_OK)
            return status;
        status = rn_features_next(&batch, trainer->train, trainer->train_features);
        if (status == RN_END)
            break;
        status = train_batch(&untouched, f, batch, status);
        if (untouched)
            return interrupt(f, status);
        if (status != RN_OK)
            return status;
        rn_fit_look_at_rates(f);
        status = rn_fit_report(f, NULL);
        f->cancelled = status == RN_CANCELLED || f->cancelled;
        if (f->cancelled && f->gathered == 0)
            return interrupt(f, rn_fit_cancelled(f, state->epoch, state->batch));
        status = status == RN_CANCELLED ? RN_OK : status; /* it waits for the step */
    }
    if (status == RN_END && f->gathered > 0) {
        const rn_status stepped = rn_fit_step(f);

        if (stepped != RN_OK)
            return stepped;
        if (f->cancelled)
            return interrupt(f, rn_fit_cancelled(f, state->epoch, state->batch));
    }
    f->training_seconds = rn_clock_seconds() - f->epoch_begun;
    if (status == RN_END && state->sums.count == 0)
        return rn_fail(&trainer->context->message, RN_FORMAT, "no training photo decodes");
    return status == RN_END ? RN_OK : status;
}

/* Fills the epoch's row with the validation's figures. */
static rn_status validate(rn_fit *f, rn_history_row *row)
{
    rn_trainer *trainer = f->trainer;
    rn_metrics metrics;
    rn_status status = rn_trainer_settle_sessions(trainer);

    if (status != RN_OK)
        return status;
    status = rn_trainer_validate(&metrics, trainer, rn_fit_report_validation, f);
    if (status != RN_OK)
        return interrupt(f, status); /* all of the epoch's batches are done: a resumed run begins with its validation */
    row->valid_loss = rn_metrics_loss(&metrics);
    row->valid_accuracy = rn_metrics_accuracy(&metrics);
    rn_watch_end_epoch(f, row, metrics.count);
    if (!isfinite(row->valid_loss))
        return rn_fail(&trainer->context->message, RN_INVALID_ARGUMENT,
                       "the validation loss is not a finite number in phase \"%s\", epoch %d: try a learning rate "
                       "below %g",
                       f->phase->name, row->epoch + 1, row->lr);
    return RN_OK;
}

/* Higher accuracy wins, then lower loss. */
static bool is_better(const rn_best *best, const rn_history_row *row)
{
    if (!best->exists || row->valid_accuracy > best->accuracy)
        return true;
    return row->valid_accuracy == best->accuracy && row->valid_loss < best->loss;
}

/* Books the epoch: best, last, history, times, in this order. */
static rn_status end_epoch(rn_fit *f, rn_history_row *row)
{
    rn_trainer *trainer = f->trainer;
    rn_message *message = &trainer->context->message;
    rn_train_state *state = &trainer->state;
    rn_times times;
    rn_status status = RN_OK;

    rn_trainer_file_features(trainer);
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
        status = rn_scheduler_step(trainer->scheduler,
                                   RN_OPTIONS(rn_scheduler_step, .metric = rn_phase_monitored(row, &f->options)));
    if (status == RN_OK)
        status = rn_train_state_add_row(state, row, &trainer->context->allocator, message);
    if (status != RN_OK)
        return status;
    state->epoch++;
    state->batch = 0;
    state->sums = (rn_metrics){ 0 };
    state->step_count = rn_session_step_count(trainer->training);
    status = rn_trainer_save_last(trainer);
    if (status == RN_OK && trainer->directory != NULL && rn_team_leads(&trainer->team))
        status = rn_history_write(state, trainer->history_path, &trainer->context->allocator, message);
    times = (rn_times){ .seconds = rn_clock_seconds() - f->epoch_begun,
                        .loading_seconds = rn_fit_loading_seconds(f),
                        .images_per_second = f->images > 0 ? (double)f->images / f->training_seconds : NAN,
                        .exchanges = trainer->team.engine.size > 1,
                        .exchange_seconds = f->exchange_seconds,
                        .exchange_waited = f->exchange_waited };
    if (status == RN_OK && trainer->directory != NULL && rn_team_leads(&trainer->team))
        status = rn_times_add(state, row, &times, trainer->times_path, &trainer->context->allocator, message);
    return rn_team_agree(&trainer->team, status);
}

static rn_status run_epoch(rn_fit *f)
{
    rn_train_state *state = &f->trainer->state;
    rn_history_row row = { .phase = (size_t)(f->phase - state->phase), .epoch = state->epoch };
    rn_status status = train_epoch(f);

    rn_fit_look_at_rates(f); /* here, since a resumed epoch does not see its beginning */
    row.lr = f->lrs[0];
    if (status == RN_OK)
        status = validate(f, &row);
    if (status != RN_OK)
        return status;
    row.train_loss = rn_metrics_loss(&state->sums);
    row.train_accuracy = rn_metrics_accuracy(&state->sums);
    status = end_epoch(f, &row);
    if (status == RN_OK) {
        status = rn_fit_report(f, &row);
        f->interrupted = status == RN_CANCELLED; /* everything is saved */
    }
    return status;
}

/* ---- a fit ----------------------------------------------------------------------------------------------------- */

static rn_status make_rates(rn_fit *f)
{
    f->lrs = rn_allocate_zeroed(&f->trainer->context->allocator, rn_optimizer_group_count(f->trainer->optimizer),
                                sizeof *f->lrs);
    if (f->lrs == NULL)
        return rn_fail(&f->trainer->context->message, RN_NO_MEMORY, "no memory for the rates of parameter groups");
    rn_fit_look_at_rates(f);
    return RN_OK;
}

/*
 * All epochs are done: the phase is booked as complete, with the last epoch's weights and optimizer, from which more
 * epochs can go on; then come the weights to stay with.
 */
static rn_status finish(rn_fit *f)
{
    rn_trainer *trainer = f->trainer;
    rn_status status;

    f->phase->complete = true;
    f->phase->done = trainer->state.epoch;
    trainer->state.epoch = 0;
    status = rn_trainer_save_last(trainer);
    if (status == RN_OK && trainer->options.keep_last != 0)
        status = rn_trainer_swap_average(trainer);
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

/* Trains the phase that has begun. */
static rn_status run_phase(rn_fit *f)
{
    rn_trainer *const trainer = f->trainer;
    rn_status status = make_rates(f);

    f->phase->used = true;
    while (status == RN_OK && !f->ending && trainer->state.epoch < f->phase->epochs &&
           !rn_phase_has_stalled(&trainer->state, f->phase, &f->options))
        status = run_epoch(f);
    if (status == RN_OK)
        status = finish(f);
    if (status != RN_OK && !f->interrupted)
        give_up(trainer);
    trainer->team.agreed = trainer->team.agreed || f->interrupted; /* in all processes, or saving has failed */
    rn_release(&trainer->context->allocator, f->lrs);
    return status;
}

static rn_status run_fit(rn_trainer *trainer, const rn_fit_options *options)
{
    rn_fit f = { .trainer = trainer, .begun = rn_clock_seconds() };
    rn_phase wanted;
    rn_status status;

    status = rn_phase_read(&wanted, &f.options, options, &trainer->context->message);
    if (status == RN_OK)
        status = rn_phase_decide(&f.phase, trainer, &wanted, &f.options);
    status = rn_team_agree(&trainer->team, status);
    if (status == RN_OK && trainer->team.engine.size > 1)
        status = rn_trainer_compare_phase(trainer, &wanted, &f.options);
    if (status == RN_OK && f.phase != NULL && f.phase->complete && wanted.epochs <= f.phase->epochs) {
        f.phase->used = true;
        return RN_OK; /* trained before this process began */
    }
    if (status == RN_OK)
        status = rn_fit_take_class_weights(&f);
    if (status == RN_OK && trainer->mixes != rn_fit_mixes(&f.options)) {
        rn_trainer_drop_sessions(trainer);
        trainer->mixes = !trainer->mixes;
    }
    if (status == RN_OK)
        status = rn_trainer_settle_sessions(trainer);
    if (status == RN_OK)
        rn_session_set_step_count(trainer->training, trainer->state.step_count);
    if (status == RN_OK)
        status = rn_phase_begin(&f.phase, trainer, &wanted, &f.options);
    status = rn_team_agree(&trainer->team, status);
    if (status == RN_OK)
        status = run_phase(&f);
    rn_tensor_destroy(f.class_weights);
    rn_fit_release_mixed(&f);
    return status;
}

rn_status rn_trainer_fit(rn_trainer *trainer, const rn_fit_options *options)
{
    if (trainer == NULL)
        return rn_fail_null("rn_trainer_fit", "trainer");
    return rn_team_end(&trainer->team, run_fit(trainer, options));
}
