/* SPDX-License-Identifier: MIT */
/* Optimizers whose rule is the caller's function, and which rules are none of a caller's. */
#include "optim/rule.h"

#include "base/options.h"
#include <string.h>

RN_NO_TAIL_PADDING(rn_rule_options, reserved);
RN_NO_TAIL_PADDING(rn_parameter_update, weight_decay);

const rn_optimizer_rule *rn_optimizer_rule_find(const char *name)
{
    static const rn_optimizer_rule *const ours[] = { &rn_adam_rule, &rn_adamw_rule, &rn_rmsprop_rule, &rn_sgd_rule };

    for (size_t i = 0; i < sizeof ours / sizeof ours[0]; i++) {
        if (strcmp(ours[i]->name, name) == 0)
            return ours[i];
    }
    return NULL;
}

static rn_status update(const rn_update *u)
{
    float *state[RN_RULE_STATES] = { NULL };
    const rn_parameter_update given = { .struct_size = sizeof given,
                                        .name = u->name,
                                        .value = u->value + u->begin,
                                        .gradient = u->gradient,
                                        .state = state,
                                        .offset = u->begin,
                                        .count = u->end - u->begin,
                                        .step = u->state->steps,
                                        .lr = u->lr,
                                        .weight_decay = u->weight_decay };

    for (int32_t i = 0; i < u->optimizer->rule->slot_count; i++)
        state[i] = u->state->slot[i] + u->begin;
    return u->optimizer->own_update(&given, u->optimizer->own_payload);
}

/* Names become parts of the names of tensors, between dots, and of metadata. */
static bool is_name(const char *name)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";

    return name != NULL && name[0] != '\0' && name[strspn(name, letters)] == '\0';
}

static rn_status check_states(const rn_rule_options *o, rn_message *message)
{
    for (size_t i = 0; i < o->state_count; i++) {
        if (!is_name(o->state_names[i]))
            return rn_fail(message, RN_INVALID_ARGUMENT,
                           "state %zu of the rule '%s' needs a name of letters, digits and '_'", i, o->name);
        for (size_t k = 0; k < i; k++) {
            if (strcmp(o->state_names[k], o->state_names[i]) == 0)
                return rn_fail(message, RN_INVALID_ARGUMENT, "two states of the rule '%s' are called '%s'", o->name,
                               o->state_names[i]);
        }
    }
    return RN_OK;
}

static rn_status check(const rn_rule_options *o, rn_message *message)
{
    if (o->update == NULL || !is_name(o->name) || rn_optimizer_rule_find(o->name) != NULL)
        return rn_fail(message, RN_INVALID_ARGUMENT,
                       "a rule needs an update function and a name of its own, of letters, digits and '_'");
    if (o->state_count > RN_RULE_STATES || (o->state_count > 0 && o->state_names == NULL))
        return rn_fail(message, RN_INVALID_ARGUMENT, "%zu states of a rule; at most %d, with names", o->state_count,
                       RN_RULE_STATES);
    return check_states(o, message);
}

/* A copy of what the options say; NULL without memory. */
static rn_optimizer_rule *make_rule(const rn_rule_options *o, const rn_allocator *allocator)
{
    rn_optimizer_rule *const rule = rn_allocate_zeroed(allocator, 1, sizeof *rule);
    bool fine = rule != NULL;

    if (!fine)
        return NULL;
    rule->update = update;
    rule->whole = o->element_wise == 0;
    rule->slot_count = (int32_t)o->state_count;
    rule->name = rn_copy_string(allocator, o->name);
    fine = rule->name != NULL;
    for (size_t i = 0; fine && i < o->state_count; i++) {
        rule->slot_name[i] = rn_copy_string(allocator, o->state_names[i]);
        fine = rule->slot_name[i] != NULL;
    }
    if (fine)
        return rule;
    rn_own_rule_release(rule, allocator);
    return NULL;
}

rn_status rn_optimizer_create(rn_optimizer **optimizer, rn_parameters *parameters, const rn_rule_options *options)
{
    rn_rule_options o;
    rn_optimizer_rule *rule;
    rn_coverage coverage;
    rn_status status = rn_optimizer_begin_call(optimizer, parameters, "rn_optimizer_create");

    if (status != RN_OK)
        return status;
    if ((status = rn_options_read(&o, sizeof o, options, &parameters->context->message)) != RN_OK ||
        (status = rn_options_reserved(o.reserved, "rn_optimizer_create", &parameters->context->message)) != RN_OK ||
        (status = check(&o, &parameters->context->message)) != RN_OK)
        return status;
    coverage = (rn_coverage){
        rn_option_number(o.lr, 1e-3), rn_option_number(o.weight_decay, 0), o.pattern, o.except, o.groups, o.group_count
    };
    if (!rn_is_rate(coverage.lr) || !rn_is_rate(coverage.weight_decay))
        return rn_fail(&parameters->context->message, RN_INVALID_ARGUMENT, "%s: lr %g, weight decay %g", o.name,
                       coverage.lr, coverage.weight_decay);
    rule = make_rule(&o, &parameters->context->allocator);
    if (rule == NULL)
        return rn_fail(&parameters->context->message, RN_NO_MEMORY, "no memory for a rule");
    status = rn_optimizer_make(optimizer, parameters, rule, &coverage);
    if (status != RN_OK) {
        rn_own_rule_release(rule, &parameters->context->allocator);
        return status;
    }
    (*optimizer)->own_rule = rule;
    (*optimizer)->own_update = o.update;
    (*optimizer)->own_payload = o.payload;
    (*optimizer)->own_release = o.release;
    return RN_OK;
}
