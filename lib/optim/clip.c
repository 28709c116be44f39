/* SPDX-License-Identifier: MIT */
/*
 * Clipping of gradients, https://pytorch.org/docs/stable/generated/torch.nn.utils.clip_grad_norm_.html. Squares are
 * summed in double from the first to the last number of each gradient, so that no thread count changes a bit.
 */
#include "optim/rule.h"

#include "base/options.h"

RN_NO_TAIL_PADDING(rn_clip_options, except);

typedef void (*visitor)(float *gradient, int64_t count, void *payload);

/* Visits every gradient that the options cover. */
static rn_status visit(rn_parameters *parameters, const rn_clip_options *options, visitor action, void *payload)
{
    bool any = false;

    for (size_t i = 0; i < parameters->count; i++) {
        const rn_parameter *const entry = &parameters->entry[i];

        if (!entry->has_gradient || !entry->trainable || !rn_covers(options->pattern, options->except, entry->name))
            continue;
        any = true;
        action(rn_parameters_gradient_floats(parameters, i), entry->count, payload);
    }
    return any ? RN_OK
               : rn_fail(&parameters->context->message, RN_STATE, "nothing to clip: no parameter carries a gradient");
}

static void add_squares(float *gradient, int64_t count, void *payload)
{
    double *const sum = payload;

    for (int64_t i = 0; i < count; i++)
        *sum += (double)gradient[i] * gradient[i];
}

static void scale(float *gradient, int64_t count, void *payload)
{
    const float factor = *(const float *)payload;

    for (int64_t i = 0; i < count; i++)
        gradient[i] *= factor;
}

static void clamp(float *gradient, int64_t count, void *payload)
{
    const float most = *(const float *)payload;

    for (int64_t i = 0; i < count; i++)
        gradient[i] = gradient[i] > most ? most : gradient[i] < -most ? -most : gradient[i];
}

static rn_status begin(rn_clip_options *read, rn_parameters *parameters, double limit, const rn_clip_options *options,
                       const char *call)
{
    rn_status status;

    if (parameters == NULL)
        return rn_fail_null(call, "parameters");
    status = rn_options_read(read, sizeof *read, options, &parameters->context->message);
    if (status == RN_OK && !(isfinite(limit) && limit > 0))
        status =
            rn_fail(&parameters->context->message, RN_INVALID_ARGUMENT, "gradients cannot be clipped to %g", limit);
    return status;
}

rn_status rn_clip_gradient_norm(double *norm, rn_parameters *parameters, double max_norm,
                                const rn_clip_options *options)
{
    rn_clip_options read;
    double sum = 0, factor;
    rn_status status = begin(&read, parameters, max_norm, options, "rn_clip_gradient_norm");

    if (norm != NULL)
        *norm = NAN;
    if (status == RN_OK)
        status = visit(parameters, &read, add_squares, &sum);
    if (status != RN_OK)
        return status;
    if (norm != NULL)
        *norm = sqrt(sum);
    if (!isfinite(sum))
        return rn_fail(&parameters->context->message, RN_INVALID_ARGUMENT, "the norm of the gradients is %g",
                       sqrt(sum));
    factor = max_norm / (sqrt(sum) + 1e-6);
    if (factor >= 1)
        return RN_OK;
    return visit(parameters, &read, scale, &(float){ (float)factor });
}

rn_status rn_clip_gradient_value(rn_parameters *parameters, double max, const rn_clip_options *options)
{
    rn_clip_options read;
    const rn_status status = begin(&read, parameters, max, options, "rn_clip_gradient_value");

    return status == RN_OK ? visit(parameters, &read, clamp, &(float){ (float)max }) : status;
}
