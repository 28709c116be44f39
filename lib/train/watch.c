/* SPDX-License-Identifier: MIT */
/*
 * What is said of a training while it runs. An error: a loss that is no number any more, with what can be seen of its
 * cause. Warnings in the log, each once a fit: a loss that grows beyond all sense, a head that no gradient reaches, and
 * validation photos that are all taken for one class.
 *
 * What guessing costs, ln(classes), is the measure of a loss.
 */
#include "train/fit.h"

#include <math.h>
#include <stdio.h>

enum {
    ABSURD = 10,
    FEW_PHOTOS = 10
}; /* times what guessing, or the first batch, costs; fewer may be all of one class */

/*
 * The first parameter of the network that has a value which is no finite number; where there is none, the trained one
 * with the value farthest from 0, which is the one that a high rate threw out. *value: its absolute.
 */
static const char *worst_parameter(double *value, const rn_parameters *parameters)
{
    const char *name = "";

    *value = 0;
    for (size_t i = 0; i < parameters->count; i++) {
        const rn_parameter *const entry = &parameters->entry[i];
        const float *const values = rn_parameters_floats(parameters, i);

        for (int64_t k = 0; values != NULL && k < entry->count; k++) {
            const double size = fabs((double)values[k]);

            if (!isfinite(size) || (size > *value && entry->trainable)) {
                name = entry->name;
                *value = size;
            }
            if (!isfinite(size))
                return name;
        }
    }
    return name;
}

static rn_status explain(const rn_fit *f, double loss)
{
    const rn_trainer *const trainer = f->trainer;
    const rn_train_state *const state = &trainer->state;
    const double lr = rn_optimizer_lr(trainer->optimizer, 0);
    double value;
    const char *const worst = worst_parameter(&value, rn_model_parameters(trainer->model));
    char cause[320];

    if (isfinite(value))
        snprintf(cause, sizeof cause,
                 "all weights are finite, the largest are those of \"%s\" (up to %.3g); what the layers make of them "
                 "is not",
                 worst, value);
    else
        snprintf(cause, sizeof cause,
                 "the first weights that are no finite numbers, since the step before, are those of \"%s\"", worst);
    return rn_fail(
        &trainer->context->message, RN_INVALID_ARGUMENT,
        "the loss is %g in phase \"%s\", epoch %d, batch %lld, at the learning rate %g: %s. Try a rate below "
        "%g, a warm-up or clip_norm",
        fabs(loss), f->phase->name, state->epoch + 1, (long long)state->batch + 1, lr, cause, lr); /* nan has no sign */
}

static double cost_of_guessing(const rn_fit *f)
{
    return log((double)rn_model_class_count(f->trainer->model));
}

/* Of one class there is nothing to learn. */
static bool is_guessing(const rn_fit *f, double loss)
{
    const double guessing = cost_of_guessing(f);

    return guessing > 0 && fabs(loss - guessing) <= 1e-3;
}

bool rn_watch_lets_step(const rn_fit *f, double loss)
{
    return isfinite(loss) && !is_guessing(f, loss);
}

rn_status rn_watch_loss(rn_fit *f, double loss)
{
    const rn_train_state *const state = &f->trainer->state;
    const double guessing = cost_of_guessing(f), lr = rn_optimizer_lr(f->trainer->optimizer, 0);
    const char *worst;
    double value;

    if (!isfinite(loss))
        return explain(f, loss);
    f->watch.first = f->watch.first == 0 ? loss : f->watch.first;
    f->watch.batches++;
    f->watch.flat = is_guessing(f, loss);
    if (f->watch.said_diverging || f->watch.batches < 2 || loss <= ABSURD * f->watch.first ||
        rn_metrics_loss(&state->sums) <= ABSURD * guessing)
        return RN_OK;
    f->watch.said_diverging = true;
    worst = worst_parameter(&value, rn_model_parameters(f->trainer->model));
    rn_context_log(f->trainer->context, RN_LOG_WARNING,
                   "phase \"%s\", epoch %d, batch %lld: the loss is %g, after %.3g at first: at the learning rate %g "
                   "training diverges, \"%s\" first (weights up to %.3g). Try a tenth of it, or clip_norm",
                   f->phase->name, state->epoch + 1, (long long)state->batch + 1, loss, f->watch.first, lr, worst,
                   value);
    return RN_OK;
}

/* Looks at gradients up to the first number that is not 0: of a training that is alive, one. */
void rn_watch_gradient(void *payload, const rn_ready *ready)
{
    rn_fit *const f = payload;

    for (int64_t k = 0; f->watch.flat && k < ready->end - ready->begin; k++)
        f->watch.flat = ready->gradient[k] == 0;
}

void rn_watch_gradients(rn_fit *f)
{
    const rn_parameters *const parameters = rn_model_parameters(f->trainer->model);

    for (size_t i = 0; f->watch.flat && i < parameters->count; i++) {
        const rn_parameter *const entry = &parameters->entry[i];

        if (entry->trainable && entry->has_gradient)
            rn_watch_gradient(
                f, &(rn_ready){ .end = entry->count, .gradient = rn_parameters_gradient_floats(parameters, i) });
    }
}

void rn_watch_step(rn_fit *f)
{
    f->watch.dead += f->watch.flat;
}

void rn_watch_validation(rn_fit *f)
{
    const rn_tensor *logits;
    const float *row;
    int64_t classes;

    if (f->watch.predicted == RN_WATCH_SEVERAL || rn_session_output(&logits, f->trainer->inference, 0) != RN_OK)
        return;
    row = rn_tensor_const_data(logits);
    classes = rn_tensor_shape(logits)[1];
    for (int64_t i = 0; i < rn_tensor_shape(logits)[0]; i++, row += rn_tensor_strides(logits)[0]) {
        const int64_t best = rn_row_argmax(row, classes, rn_tensor_strides(logits)[1]);

        if (f->watch.predicted == RN_WATCH_NONE)
            f->watch.predicted = best;
        if (f->watch.predicted != best)
            f->watch.predicted = RN_WATCH_SEVERAL;
    }
}

void rn_watch_begin_epoch(rn_fit *f)
{
    f->watch.batches = f->watch.dead = 0;
    f->watch.predicted = RN_WATCH_NONE;
}

void rn_watch_end_epoch(rn_fit *f, const rn_history_row *row, int64_t valid_count)
{
    rn_context *const context = f->trainer->context;
    const rn_classes *const classes = rn_model_classes(f->trainer->model);

    if (f->watch.dead > 0 && f->watch.dead == f->watch.batches && !f->watch.said_dead) {
        f->watch.said_dead = true;
        rn_context_log(
            context, RN_LOG_WARNING,
            "phase \"%s\", epoch %d: the loss stays at %.4g, what guessing costs, and every gradient is 0: "
            "nothing is learned any more. A ReLU behind the head, as squeezenet has, lets nothing through once "
            "its outputs are all negative. Begin again with a lower rate than %g or another seed",
            f->phase->name, row->epoch + 1, cost_of_guessing(f), row->lr);
    }
    if (f->watch.predicted >= 0 && row->valid_accuracy < 1 && valid_count >= FEW_PHOTOS && !f->watch.said_one_class) {
        f->watch.said_one_class = true;
        rn_context_log(
            context, RN_LOG_WARNING,
            "phase \"%s\", epoch %d: all %lld validation photos are taken for one class (%s): an accuracy of "
            "%.3g is its share of them",
            f->phase->name, row->epoch + 1, (long long)valid_count,
            classes != NULL ? rn_classes_name(classes, (size_t)f->watch.predicted) : "?", row->valid_accuracy);
    }
}
