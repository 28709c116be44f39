/* SPDX-License-Identifier: MIT */
/*
 * The learning-rate range test (arXiv:1506.01186) as fastai's lr_find makes it: a step at each of exponentially rising
 * rates, until the smoothed loss is four times the least one. All of it happens to a copy: weights and statistics are
 * put back, optimizer and scheduler are others than the trainer's, and sessions are made anew for the next fit.
 */
#include "train/fit.h"

#include "base/options.h"
#include <math.h>
#include <string.h>

RN_NO_TAIL_PADDING(rn_lr_find_options, losses);

enum { STEPS = 100, MOST_STEPS = 1000000, LAST_IGNORED = 5 };

/* ---- what is put back -------------------------------------------------------------------------------------------- */

typedef struct kept {
    rn_optimizer *optimizer;
    rn_scheduler *scheduler;
    rn_ema *ema;
    rn_metrics sums;
    rn_tensor **values; /* by parameter */
} kept;

static rn_status keep(kept *k, rn_trainer *trainer)
{
    *k = (kept){ trainer->optimizer, trainer->scheduler, trainer->ema, trainer->state.sums, NULL };
    rn_trainer_drop_sessions(trainer);
    trainer->optimizer = NULL;
    trainer->scheduler = NULL;
    trainer->ema = NULL;
    return rn_values_keep(&k->values, trainer->model);
}

/* Gives back `status`, or what went wrong here. `changed`: the weights may have been. */
static rn_status put_back(kept *k, rn_trainer *trainer, bool changed, rn_status status)
{
    const rn_message why = trainer->context->message;

    rn_trainer_drop_sessions(trainer); /* first: one may stand between forward and backward */
    rn_phase_release_optimizer(trainer);
    trainer->optimizer = k->optimizer;
    trainer->scheduler = k->scheduler;
    trainer->ema = k->ema;
    trainer->state.sums = k->sums;
    rn_parameters_clear_gradients(rn_model_parameters(trainer->model));
    if (changed && rn_values_put_back(trainer->model, k->values) != RN_OK) {
        trainer->failed = true; /* the weights are not those of the state */
        status = status == RN_OK ? RN_NO_MEMORY : status;
    }
    rn_values_release(k->values, trainer->model);
    if (status != RN_OK && !trainer->failed)
        trainer->context->message = why;
    return status;
}

/* ---- the curve --------------------------------------------------------------------------------------------------- */

/* The next batch, of the epoch after it if one is over. */
static rn_status next_batch(const rn_batch **batch, rn_loader *loader, uint64_t *epoch)
{
    rn_status status = rn_loader_next(batch, loader);

    if (status == RN_END)
        status = rn_loader_start(loader, ++*epoch);
    else
        return status;
    return status == RN_OK ? rn_loader_next(batch, loader) : status;
}

static rn_status draw_curve(double *lrs, double *losses, int32_t *count, rn_fit *f, const rn_lr_find_options *o)
{
    rn_trainer *const trainer = f->trainer;
    const rn_batch *batch;
    double mean = 0, least = INFINITY;
    uint64_t epoch = 0;
    rn_status status = rn_loader_start(trainer->train, epoch);

    for (int32_t i = 0; status == RN_OK && i < o->steps; i++) {
        const double lr = o->lr_first * pow(o->lr_last / o->lr_first, (double)i / o->steps);

        for (size_t g = 0; status == RN_OK && g < rn_optimizer_group_count(trainer->optimizer); g++)
            status = rn_optimizer_set_lr(trainer->optimizer, g, lr);
        if (status == RN_OK)
            status = next_batch(&batch, trainer->train, &epoch);
        if (status == RN_OK)
            status = rn_fit_batch(f, batch);
        if (!isfinite(f->loss))
            return RN_OK; /* as far as there are numbers */
        if (status != RN_OK)
            break;
        mean = 0.98 * mean + 0.02 * f->loss;
        lrs[i] = lr;
        losses[i] = mean / (1 - pow(0.98, i + 1));
        *count = i + 1;
        least = fmin(least, losses[i]);
        if (losses[i] > 4 * least)
            break;
    }
    return status;
}

/* Without the first tenth and the last steps, which say little. */
static void judge(rn_lr_finding *finding, const double *lrs, const double *losses, int32_t count, int32_t steps)
{
    double steepest = INFINITY, least = INFINITY;

    finding->count = count;
    finding->steepest = finding->tenth_of_least = NAN;
    for (int32_t i = steps / 10; i < count - LAST_IGNORED; i++) {
        if (losses[i] < least) {
            least = losses[i];
            finding->tenth_of_least = lrs[i] / 10;
        }
        if (i + 1 < count - LAST_IGNORED) {
            const double slope = (losses[i + 1] - losses[i]) / (log(lrs[i + 1]) - log(lrs[i]));

            if (slope < steepest) {
                steepest = slope;
                finding->steepest = lrs[i];
            }
        }
    }
}

/* ---- the call ---------------------------------------------------------------------------------------------------- */

static rn_status read_options(rn_lr_find_options *o, rn_phase *phase, rn_fit_options *fit,
                              const rn_lr_find_options *given, rn_message *message)
{
    rn_fit_options wanted;
    rn_status status = rn_options_read(o, sizeof *o, given, message);

    if (status == RN_OK)
        status = rn_options_read(&wanted, sizeof wanted, o->fit, message);
    if (status != RN_OK)
        return status;
    o->lr_first = rn_option_number(o->lr_first, 1e-7);
    o->lr_last = rn_option_number(o->lr_last, 10);
    o->steps = o->steps != 0 ? o->steps : STEPS;
    if (!(o->lr_first > 0) || !(o->lr_last > o->lr_first) || !isfinite(o->lr_last) || o->steps < 2 ||
        o->steps > MOST_STEPS || o->reserved != 0)
        return rn_fail(message, RN_INVALID_ARGUMENT, "no curve from the rate %g to %g in %d steps", o->lr_first,
                       o->lr_last, o->steps);
    /* What is looked for is the rate: no schedule, and a step a batch. */
    wanted.lr = o->lr_first;
    wanted.lr_gamma = wanted.lr_min = wanted.warmup_factor = 0;
    wanted.lr_step_epochs = wanted.warmup = 0;
    wanted.ema_decay = wanted.ema_steps = 0;
    wanted.lr_milestones = NULL;
    wanted.lr_milestone_count = 0;
    wanted.schedule = wanted.schedule_by_batch = wanted.lr_patience = wanted.accumulate = wanted.epochs = 0;
    return rn_phase_read(phase, fit, &wanted, message);
}

static rn_status find(rn_lr_finding *finding, rn_fit *f, const rn_phase *wanted, const rn_lr_find_options *o)
{
    rn_trainer *const trainer = f->trainer;
    const rn_allocator *const allocator = &trainer->context->allocator;
    double *const curve = rn_allocate_array(allocator, (size_t)o->steps, 2 * sizeof *curve);
    double *const lrs = o->lrs != NULL ? o->lrs : curve, *const losses =
                                                             o->losses != NULL ? o->losses : curve + o->steps;
    int32_t count = 0;
    rn_status status = curve != NULL ? rn_phase_make_optimizer(trainer, wanted, &f->options)
                                     : rn_fail(&trainer->context->message, RN_NO_MEMORY, "no memory for a curve");

    if (status == RN_OK)
        status = rn_trainer_make_session(&trainer->training, trainer, RN_TRAIN, NULL, NULL);
    if (status == RN_OK)
        status = rn_fit_take_class_weights(f);
    if (status == RN_OK)
        status = draw_curve(lrs, losses, &count, f, o);
    if (status == RN_OK)
        judge(finding, lrs, losses, count, o->steps);
    rn_tensor_destroy(f->class_weights);
    rn_fit_release_mixed(f);
    rn_release(allocator, curve);
    return status;
}

rn_status rn_lr_find(rn_lr_finding *finding, rn_trainer *trainer, const rn_lr_find_options *options)
{
    rn_fit f = { .trainer = trainer, .watch.said_diverging = true };
    rn_lr_find_options o;
    rn_lr_finding found = { .count = 0 };
    rn_phase wanted;
    kept k;
    rn_status status;

    if (finding == NULL || trainer == NULL)
        return rn_fail_null("rn_lr_find", finding == NULL ? "finding" : "trainer");
    if (finding->struct_size < sizeof finding->struct_size)
        return rn_fail(&trainer->context->message, RN_INVALID_ARGUMENT, "rn_lr_find: struct_size of the finding is %zu",
                       finding->struct_size);
    if (trainer->failed)
        return rn_fail(&trainer->context->message, RN_STATE, "an earlier fit failed: make a new trainer");
    if (trainer->team.engine.size > 1)
        return rn_fail(&trainer->context->message, RN_UNSUPPORTED, "one process looks for a rate, not %d",
                       (int)trainer->team.engine.size);
    status = read_options(&o, &wanted, &f.options, options, &trainer->context->message);
    if (status != RN_OK)
        return status;
    f.phase = &wanted;
    status = keep(&k, trainer);
    status = put_back(&k, trainer, status == RN_OK, status == RN_OK ? find(&found, &f, &wanted, &o) : status);
    found.struct_size = finding->struct_size;
    if (status == RN_OK)
        memcpy(finding, &found, found.struct_size < sizeof found ? found.struct_size : sizeof found);
    return status;
}
