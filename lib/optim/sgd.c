/* SPDX-License-Identifier: MIT */
/*
 * SGD as https://pytorch.org/docs/stable/generated/torch.optim.SGD.html computes it:
 *
 *   g = gradient + weight_decay * p
 *   b = first step ? g : momentum b + (1 - dampening) g
 *   p = p - lr * (nesterov ? g + momentum b : b)
 *
 * Without momentum b is g and nothing is kept.
 */
#include "optim/rule.h"

#include "base/options.h"

#include <math.h>

RN_NO_TAIL_PADDING(rn_sgd_options, reserved);

static rn_status update(const rn_update *u)
{
    const rn_optimizer *const o = u->optimizer;
    const rn_sgd_step step = { .lr = (float)u->lr,
                               .momentum = (float)o->momentum,
                               .one_minus_dampening = (float)(1 - o->dampening),
                               .weight_decay = (float)u->weight_decay,
                               .nesterov = o->nesterov,
                               .first = u->state->steps == 1 };

    u->kernels->sgd(u->end - u->begin, &step, u->gradient, u->value + u->begin,
                    u->state->slot[0] == NULL ? NULL : u->state->slot[0] + u->begin);
    return RN_OK;
}

const rn_optimizer_rule rn_sgd_rule = {
    .name = "sgd", .slot_count = 1, .slot_name = { "momentum_buffer" }, .update = update, .momentum_slot = 1
};

rn_status rn_sgd_create(rn_optimizer **optimizer, rn_parameters *parameters, const rn_sgd_options *options)
{
    rn_sgd_options read;
    rn_optimizer *made;
    rn_status status = rn_optimizer_begin_call(optimizer, parameters, "rn_sgd_create");

    if (status != RN_OK)
        return status;
    status = rn_options_read(&read, sizeof read, options, &parameters->context->message);
    if (status == RN_OK)
        status = rn_options_reserved(read.reserved, "rn_sgd_create", &parameters->context->message);
    if (status != RN_OK)
        return status;
    read.lr = rn_option_number(read.lr, 1e-3);
    read.momentum = rn_option_number(read.momentum, 0);
    read.dampening = rn_option_number(read.dampening, 0);
    read.weight_decay = rn_option_number(read.weight_decay, 0);
    if (!rn_is_rate(read.lr) || !rn_is_rate(read.momentum) || !isfinite(read.dampening) ||
        !rn_is_rate(read.weight_decay))
        return rn_fail(&parameters->context->message, RN_INVALID_ARGUMENT,
                       "SGD: lr %g, momentum %g, dampening %g, weight decay %g", read.lr, read.momentum, read.dampening,
                       read.weight_decay);
    if (read.nesterov != 0 && (read.momentum == 0 || read.dampening != 0))
        return rn_fail(&parameters->context->message, RN_INVALID_ARGUMENT,
                       "Nesterov's rule needs momentum and no dampening");
    status = rn_optimizer_make(
        &made, parameters, &rn_sgd_rule,
        &(rn_coverage){ read.lr, read.weight_decay, read.pattern, read.except, read.groups, read.group_count });
    if (status != RN_OK)
        return status;
    made->momentum = read.momentum;
    made->dampening = read.dampening;
    made->nesterov = read.nesterov != 0;
    *optimizer = made;
    return RN_OK;
}
