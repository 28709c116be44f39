/* SPDX-License-Identifier: MIT */
/*
 * A batch of training, and the step of the optimizer that one or several of them make.
 *
 * Where nobody looks at all gradients together, backward makes the step (rn_session_step_in_backward), and there is no
 * memory for them.
 *
 * Of several batches a step's gradient is the mean over all their photos: each batch's counts by its share of them. The
 * share is taken of full batches, since nobody knows how many photos will decode, and the sum is set right before the
 * step if there were fewer.
 */
#include "train/fit.h"

#include "base/options.h"
#include "run/session.h"

rn_status rn_fit_take_class_weights(rn_fit *f)
{
    const int64_t count = (int64_t)f->options.class_weight_count, classes = rn_model_class_count(f->trainer->model);

    if (count == 0)
        return RN_OK;
    if (count != classes)
        return rn_fail(&f->trainer->context->message, RN_SHAPE, "%lld class weights for %lld classes", (long long)count,
                       (long long)classes);
    return rn_tensor_wrap(&f->class_weights, f->trainer->context, RN_FLOAT32, 1, &count, RN_ROW_MAJOR,
                          (float *)(uintptr_t)f->options.class_weights, (size_t)count * sizeof(float));
}

static int64_t photos_of_step(const rn_fit *f)
{
    return (int64_t)f->trainer->state.batch_size * (f->options.accumulate > 1 ? f->options.accumulate : 1);
}

static rn_status prepare(rn_ready_batch *ready, void *payload, const rn_batch *batch)
{
    rn_fit *const f = payload;

    if (rn_fit_mixes(&f->options))
        return rn_fit_mix(ready, f, batch);
    ready->targets = ready->labels = rn_batch_labels(batch);
    return rn_features_of_batch(&ready->input, f->trainer->train_features, batch);
}

/* The losses of all outputs that count, together; their gradients are of that share of them. */
static rn_status compute_loss(double *loss, void *payload, const rn_tensor *targets, double share)
{
    const rn_fit *const f = payload;
    const rn_trainer *const trainer = f->trainer;
    rn_status status = RN_OK;

    *loss = 0;
    for (size_t i = 0; status == RN_OK && rn_model_output_name(trainer->model, i) != NULL; i++) {
        const double weight = rn_model_loss_weight(trainer->model, i);
        double part;

        if (weight == 0)
            continue;
        status = rn_cross_entropy(&part, trainer->training, targets,
                                  RN_OPTIONS(rn_loss, .output = (int32_t)i, .weight = weight * share,
                                             .label_smoothing = f->options.label_smoothing,
                                             .class_weights = f->class_weights));
        *loss += part;
    }
    *loss /= share;
    return status;
}

/* The optimizer has made a step. */
static rn_status stepped(rn_fit *f)
{
    rn_trainer *const trainer = f->trainer;
    const rn_status status = trainer->ema != NULL ? rn_ema_update(trainer->ema) : RN_OK;

    return status == RN_OK ? rn_phase_stepped(trainer, f->phase, &f->options) : status;
}

rn_status rn_fit_step(rn_fit *f)
{
    rn_trainer *const trainer = f->trainer;
    rn_status status = RN_OK;

    if (f->gathered == 0)
        return RN_OK;
    if (f->options.accumulate > 1 && f->gathered_photos != photos_of_step(f)) /* the sum of the shares becomes 1 */
        rn_parameters_scale_gradients(rn_model_parameters(trainer->model),
                                      (float)((double)photos_of_step(f) / (double)f->gathered_photos));
    f->gathered = 0;
    f->gathered_photos = 0;
    if (f->phase->clip_norm != 0)
        status = rn_clip_gradient_norm(NULL, rn_model_parameters(trainer->model), f->phase->clip_norm, NULL);
    if (status == RN_OK)
        status = rn_optimizer_step(trainer->optimizer);
    return status == RN_OK ? stepped(f) : status;
}

/* A norm is of all gradients, and those of several batches are added up. */
static bool steps_in_backward(const rn_fit *f)
{
    return f->phase->clip_norm == 0 && f->options.accumulate <= 1;
}

rn_status rn_fit_batch(rn_fit *f, const rn_batch *batch)
{
    rn_trainer *const trainer = f->trainer;
    const bool steps = steps_in_backward(f);
    const rn_tensor *logits;
    rn_ready_batch ready;
    const double share = f->options.accumulate > 1 ? (double)rn_batch_size(batch) / (double)photos_of_step(f) : 1;
    double loss;
    rn_status status = prepare(&ready, f, batch);

    if (status == RN_OK)
        status = rn_session_step_in_backward(trainer->training, steps ? trainer->optimizer : NULL);
    if (status == RN_OK)
        status = rn_session_forward(trainer->training, ready.input);
    if (status == RN_OK)
        status = compute_loss(&loss, f, ready.targets, share);
    if (status == RN_OK)
        status = rn_session_output(&logits, trainer->training, 0);
    if (status == RN_OK) {
        f->loss = loss;
        rn_metrics_add(&trainer->state.sums, loss, logits, ready.labels);
        status = rn_watch_loss(f, loss);
    }
    if (status == RN_OK) {
        trainer->training->gradient_ready = rn_watch_gradient;
        trainer->training->payload = f;
        status = rn_session_backward(trainer->training);
    }
    if (status != RN_OK)
        return status;
    rn_watch_step(f);
    if (steps)
        return stepped(f);
    f->gathered++;
    f->gathered_photos += (int64_t)rn_batch_size(batch);
    return f->gathered >= f->options.accumulate ? rn_fit_step(f) : RN_OK;
}

/* ---- slices ------------------------------------------------------------------------------------------------------ */

/* Where all gradients need not be seen, or scaled, together. */
static rn_optimizer *stepper(void *payload, const rn_slice_result *result)
{
    const rn_fit *const f = payload;
    const bool steps =
        steps_in_backward(f) && result->skipped == 0 && rn_watch_lets_step(f, rn_metrics_loss(&result->sums));

    return steps ? f->trainer->optimizer : NULL;
}

rn_status rn_fit_slices(rn_slice_result *result, rn_fit *f, const rn_batch *batch, rn_status read)
{
    rn_trainer *const trainer = f->trainer;
    rn_metrics *const sums = &trainer->state.sums;
    const rn_slice_job job = { .session = trainer->training,
                               .loader = trainer->train,
                               .prepare = prepare,
                               .loss = compute_loss,
                               .stepper = stepper,
                               .payload = f,
                               .step_photos = f->options.accumulate > 1 ? photos_of_step(f) : 0,
                               .adds = f->gathered > 0 };
    rn_status status = rn_slices_run(result, trainer->slices, &job, batch, read);

    result->untouched = result->untouched && f->gathered == 0; /* but for half a step, no training is lost */
    if (status != RN_OK || result->sums.count == 0)
        return status;
    sums->loss += result->sums.loss;
    sums->correct += result->sums.correct;
    sums->count += result->sums.count;
    f->loss = rn_metrics_loss(&result->sums);
    status = rn_watch_loss(f, f->loss);
    if (status != RN_OK)
        return status;
    rn_watch_gradients(f);
    rn_watch_step(f);
    if (result->stepped)
        return stepped(f);
    f->gathered++;
    f->gathered_photos += result->sums.count;
    return f->gathered >= f->options.accumulate ? rn_fit_step(f) : RN_OK;
}
