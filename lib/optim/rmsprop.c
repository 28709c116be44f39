/* SPDX-License-Identifier: MIT */
/*
 * RMSprop as https://pytorch.org/docs/stable/generated/torch.optim.RMSprop.html computes it:
 *
 *   g = gradient + weight_decay * p      v = alpha v + (1 - alpha) g^2      m = alpha m + (1 - alpha) g
 *   d = g / (sqrt(centered ? v - m^2 : v) + eps)
 *   b = momentum b + d                   p = p - lr * (momentum > 0 ? b : d)
 *
 * v - m^2 is a variance, which rounding alone makes negative: then it is 0 here, where PyTorch has NaN.
 */
#include "optim/rule.h"

#include "base/options.h"

#include <math.h>

RN_NO_TAIL_PADDING(rn_rmsprop_options, reserved);

/* Number by number: it is a small part of a training step, and not worth a row kernel of every instruction set. */
static rn_status update(const rn_update *u)
{
    const rn_optimizer *const o = u->optimizer;
    const float alpha = (float)o->alpha, rest = (float)(1 - o->alpha), eps = (float)o->eps;
    const float lr = (float)u->lr, decay = (float)u->weight_decay, momentum = (float)o->momentum;
    float *const *slot = u->state->slot;
    float *const square = *slot++, *const buffer = o->momentum != 0 ? *slot++ : NULL;
    float *const mean = o->centered ? *slot : NULL;

    for (int64_t i = u->begin; i < u->end; i++) {
        const float g = u->gradient[i - u->begin] + decay * u->value[i];
        float v = square[i] = alpha * square[i] + rest * g * g, step;

        if (mean != NULL) {
            mean[i] = alpha * mean[i] + rest * g;
            v -= mean[i] * mean[i];
            v = v < 0 ? 0 : v;
        }
        step = g / (sqrtf(v) + eps);
        if (buffer != NULL)
            step = buffer[i] = momentum * buffer[i] + step;
        u->value[i] -= lr * step;
    }
    return RN_OK;
}

const rn_optimizer_rule rn_rmsprop_rule = { .name = "rmsprop",
                                            .slot_count = 3,
                                            .slot_name = { "square_avg", "momentum_buffer", "grad_avg" },
                                            .update = update,
                                            .momentum_slot = 2,
                                            .centered_slot = 3 };

rn_status rn_rmsprop_create(rn_optimizer **optimizer, rn_parameters *parameters, const rn_rmsprop_options *options)
{
    rn_rmsprop_options read;
    rn_message *message;
    rn_optimizer *made;
    rn_status status = rn_optimizer_begin_call(optimizer, parameters, "rn_rmsprop_create");

    if (status != RN_OK)
        return status;
    message = &parameters->context->message;
    status = rn_options_read(&read, sizeof read, options, message);
    if (status == RN_OK)
        status = rn_options_reserved(read.reserved, "rn_rmsprop_create", message);
    if (status != RN_OK)
        return status;
    read.lr = rn_option_number(read.lr, 1e-2);
    read.alpha = rn_option_number(read.alpha, 0.99);
    read.eps = rn_option_number(read.eps, 1e-8);
    read.momentum = rn_option_number(read.momentum, 0);
    read.weight_decay = rn_option_number(read.weight_decay, 0);
    if (!rn_is_rate(read.lr) || !rn_is_rate(read.alpha) || read.alpha >= 1 || !rn_is_rate(read.eps) ||
        !rn_is_rate(read.momentum) || !rn_is_rate(read.weight_decay))
        return rn_fail(message, RN_INVALID_ARGUMENT, "RMSprop: lr %g, alpha %g, eps %g, momentum %g, weight decay %g",
                       read.lr, read.alpha, read.eps, read.momentum, read.weight_decay);
    status = rn_optimizer_make(
        &made, parameters, &rn_rmsprop_rule,
        &(rn_coverage){ read.lr, read.weight_decay, read.pattern, read.except, read.groups, read.group_count });
    if (status != RN_OK)
        return status;
    made->alpha = read.alpha;
    made->eps = read.eps;
    made->momentum = read.momentum;
    made->centered = read.centered != 0;
    *optimizer = made;
    return RN_OK;
}
