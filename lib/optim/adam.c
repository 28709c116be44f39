/* SPDX-License-Identifier: MIT */
/*
 * Adam (arXiv:1412.6980) as https://pytorch.org/docs/stable/generated/torch.optim.Adam.html computes it:
 *
 *   g = gradient + weight_decay * p      m = beta1 m + (1 - beta1) g      v = beta2 v + (1 - beta2) g^2
 *   p = p - lr / (1 - beta1^t) * m / (sqrt(v) / sqrt(1 - beta2^t) + eps)
 *
 * AdamW (arXiv:1711.05101, torch.optim.AdamW) decays the parameter itself, first, and leaves the gradient alone:
 *
 *   p = p * (1 - lr * weight_decay)      g = gradient
 *
 * The powers of t are taken in double, once a step; t counts the steps of this parameter.
 */
#include "optim/rule.h"

#include "base/options.h"

#include <math.h>

RN_NO_TAIL_PADDING(rn_adam_options, group_count);

static rn_status update(const rn_update *u)
{
    const rn_optimizer *const o = u->optimizer;
    const bool decoupled = o->rule == &rn_adamw_rule;
    const double t = (double)u->state->steps;
    const double correction1 = 1 - pow(o->beta1, t), correction2 = 1 - pow(o->beta2, t);
    const rn_adam_step step = { .beta1 = (float)o->beta1,
                                .one_minus_beta1 = (float)(1 - o->beta1),
                                .beta2 = (float)o->beta2,
                                .one_minus_beta2 = (float)(1 - o->beta2),
                                .weight_decay = decoupled ? 0 : (float)u->weight_decay,
                                .step_size = (float)(u->lr / correction1),
                                .root_correction2 = (float)sqrt(correction2),
                                .eps = (float)o->eps,
                                .kept = decoupled ? (float)(1 - u->lr * u->weight_decay) : 1 };

    u->kernels->adam(u->end - u->begin, &step, u->gradient, u->value + u->begin, u->state->slot[0] + u->begin,
                     u->state->slot[1] + u->begin);
    return RN_OK;
}

const rn_optimizer_rule rn_adam_rule = {
    .name = "adam", .slot_count = 2, .slot_name = { "exp_avg", "exp_avg_sq" }, .update = update
};
const rn_optimizer_rule rn_adamw_rule = {
    .name = "adamw", .slot_count = 2, .slot_name = { "exp_avg", "exp_avg_sq" }, .update = update
};

static bool is_beta(double beta)
{
    return beta >= 0 && beta < 1;
}

static rn_status make(rn_optimizer **optimizer, rn_parameters *parameters, const rn_adam_options *options,
                      const rn_optimizer_rule *rule)
{
    const bool decoupled = rule == &rn_adamw_rule;
    rn_adam_options read;
    rn_optimizer *made;
    rn_status status;

    status = rn_options_read(&read, sizeof read, options, &parameters->context->message);
    if (status != RN_OK)
        return status;
    read.lr = rn_option_number(read.lr, 1e-3);
    read.beta1 = rn_option_number(read.beta1, 0.9);
    read.beta2 = rn_option_number(read.beta2, 0.999);
    read.eps = rn_option_number(read.eps, 1e-8);
    read.weight_decay = rn_option_number(read.weight_decay, decoupled ? 1e-2 : 0);
    if (!rn_is_rate(read.lr) || !is_beta(read.beta1) || !is_beta(read.beta2) || !rn_is_rate(read.eps) ||
        !rn_is_rate(read.weight_decay))
        return rn_fail(&parameters->context->message, RN_INVALID_ARGUMENT,
                       "%s: lr %g, betas %g and %g, eps %g, weight decay %g", decoupled ? "AdamW" : "Adam", read.lr,
                       read.beta1, read.beta2, read.eps, read.weight_decay);
    status = rn_optimizer_make(
        &made, parameters, rule,
        &(rn_coverage){ read.lr, read.weight_decay, read.pattern, read.except, read.groups, read.group_count });
    if (status != RN_OK)
        return status;
    made->beta1 = read.beta1;
    made->beta2 = read.beta2;
    made->eps = read.eps;
    *optimizer = made;
    return RN_OK;
}

rn_status rn_adam_create(rn_optimizer **optimizer, rn_parameters *parameters, const rn_adam_options *options)
{
    const rn_status status = rn_optimizer_begin_call(optimizer, parameters, "rn_adam_create");

    return status == RN_OK ? make(optimizer, parameters, options, &rn_adam_rule) : status;
}

rn_status rn_adamw_create(rn_optimizer **optimizer, rn_parameters *parameters, const rn_adamw_options *options)
{
    const rn_status status = rn_optimizer_begin_call(optimizer, parameters, "rn_adamw_create");

    return status == RN_OK ? make(optimizer, parameters, options, &rn_adamw_rule) : status;
}
