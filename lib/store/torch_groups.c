/* SPDX-License-Identifier: MIT */
/* The param_groups of an optimizer of PyTorch's: their parameters, and what they say of rule and hyperparameters. */
#include "store/torch_state.h"

#include <stdio.h>
#include <string.h>

/* Room of a key behind the prefix: "param_groups.", two numbers and a name of ours. */
enum { KEY_ROOM = 96 };

static rn_status no_memory(rn_context *context)
{
    return rn_fail(&context->message, RN_NO_MEMORY, "no memory for the state of PyTorch's optimizer");
}

/* ---- groups ------------------------------------------------------------------------------------------------------ */

static const char *group_text(rn_torch_state *state, size_t group, const char *key)
{
    snprintf(state->key, state->key_size, "%sparam_groups.%zu.%s", state->prefix, group, key);
    return rn_checkpoint_metadata(state->file, state->key);
}

static const char *id_text(rn_torch_state *state, size_t group, size_t index)
{
    char key[32];

    snprintf(key, sizeof key, "params.%zu", index);
    return group_text(state, group, key);
}

/* A group may have no parameters, and a rate that is no number of the metadata. */
static bool has_group(rn_torch_state *state, size_t group)
{
    return id_text(state, group, 0) != NULL || group_text(state, group, "lr") != NULL;
}

static bool read_id(uint64_t *id, const char *text)
{
    uint64_t value = 0;

    for (const char *at = text; *at != '\0'; at++) {
        if (*at < '0' || *at > '9' || value > (UINT64_MAX - 9) / 10)
            return false;
        value = value * 10 + (uint64_t)(*at - '0');
    }
    *id = value;
    return text[0] != '\0';
}

static rn_status allocate_groups(rn_torch_state *state)
{
    const rn_allocator *const allocator = &state->context->allocator;

    while (has_group(state, state->group_count))
        state->group_count++;
    state->group_size = rn_allocate_zeroed(allocator, state->group_count + 1, sizeof *state->group_size);
    if (state->group_size == NULL)
        return no_memory(state->context);
    for (size_t g = 0; g < state->group_count; g++) {
        while (id_text(state, g, state->group_size[g]) != NULL)
            state->group_size[g]++;
        state->count += state->group_size[g];
    }
    state->entry = rn_allocate_zeroed(allocator, state->count + 1, sizeof *state->entry);
    return state->entry != NULL ? RN_OK : no_memory(state->context);
}

rn_status rn_torch_state_open(rn_torch_state *state, rn_context *context, const rn_checkpoint *file, const char *prefix)
{
    rn_status status;
    size_t at = 0;

    *state = (rn_torch_state){ .context = context, .file = file };
    status = rn_torch_locate(&state->prefix, context, file, prefix, "param_groups.0.params.0", "state of an optimizer");
    if (status != RN_OK)
        return status;
    state->key_size = strlen(state->prefix) + KEY_ROOM;
    state->key = rn_allocate(&context->allocator, state->key_size);
    status = state->key != NULL ? allocate_groups(state) : no_memory(context);
    for (size_t g = 0; status == RN_OK && g < state->group_count; g++) {
        for (size_t i = 0; status == RN_OK && i < state->group_size[g]; i++, at++) {
            state->entry[at].steps = -1;
            if (!read_id(&state->entry[at].id, id_text(state, g, i)))
                status = rn_fail(&context->message, RN_FORMAT, "'%s' is no parameter's number", state->key);
        }
    }
    return status;
}

void rn_torch_state_release(rn_torch_state *state)
{
    const rn_allocator *const allocator = &state->context->allocator;

    rn_release(allocator, state->prefix);
    rn_release(allocator, state->key);
    rn_release(allocator, state->entry);
    rn_release(allocator, state->group_size);
}

/* ---- the rule ---------------------------------------------------------------------------------------------------- */

static bool is_true(const char *text)
{
    return text != NULL && strcmp(text, "true") == 0;
}

/* What the rules of torch.optim have in a group, and others that keep the same state do not. */
static const char *missing_key(rn_torch_state *state, size_t group, const char *rule)
{
    static const char *const keys[][3] = { { "betas.0", "eps", "amsgrad" },
                                           { "momentum", "dampening", "nesterov" },
                                           { "momentum", "alpha", "centered" } };
    const size_t which = strcmp(rule, "sgd") == 0 ? 1 : strcmp(rule, "rmsprop") == 0 ? 2 : 0;

    for (size_t i = 0; i < sizeof keys[0] / sizeof keys[0][0]; i++) {
        if (group_text(state, group, keys[which][i]) == NULL)
            return keys[which][i];
    }
    return NULL;
}

static rn_status check_group(rn_torch_state *state, size_t group, const char *rule)
{
    rn_message *const message = &state->context->message;
    const char *const missing = missing_key(state, group, rule);
    const char *const decoupled = group_text(state, group, "decoupled_weight_decay"); /* not in files of old */
    double decay = 1;
    bool found = false;
    rn_status status;

    if (missing != NULL)
        return rn_fail(message, RN_STATE, "the file's optimizer is not the run's, %s: its group %zu has no '%s'", rule,
                       group, missing);
    if (is_true(group_text(state, group, "amsgrad")) || is_true(group_text(state, group, "maximize")))
        return rn_fail(message, RN_STATE, "the file's optimizer runs with amsgrad or maximize, which %s here does not",
                       rule);
    if (decoupled == NULL || is_true(decoupled) == (strcmp(rule, "adamw") == 0))
        return RN_OK;
    status = rn_torch_number(&decay, &found, state->context, group_text(state, group, "weight_decay"));
    return status != RN_OK || (found && decay == 0)
               ? status
               : rn_fail(message, RN_STATE, "the file's optimizer is %s with weight decay, the run's is %s",
                         is_true(decoupled) ? "AdamW" : "Adam", rule);
}

rn_status rn_torch_check_rule(rn_torch_state *state, const rn_optimizer *optimizer)
{
    const char *const rule = rn_optimizer_rule_name(optimizer);
    rn_status status = RN_OK;

    if (optimizer->own_rule != NULL)
        return rn_fail(&state->context->message, RN_STATE,
                       "the file's optimizer is one of PyTorch's, the run's has the rule %s", rule);
    for (size_t g = 0; status == RN_OK && g < state->group_count; g++)
        status = check_group(state, g, rule);
    return status;
}

/* ---- hyperparameters --------------------------------------------------------------------------------------------- */

static rn_status read_number(double *value, rn_torch_state *state, size_t group, const char *key)
{
    bool found;
    const rn_status status = rn_torch_number(value, &found, state->context, group_text(state, group, key));

    return status != RN_OK || found
               ? status
               : rn_fail(&state->context->message, RN_FORMAT, "the file's '%s' is no number", state->key);
}

static rn_status read_group(rn_optimizer_group *group, rn_torch_state *state, size_t index)
{
    rn_status status = read_number(&group->lr, state, index, "lr");

    if (status == RN_OK)
        status = read_number(&group->weight_decay, state, index, "weight_decay");
    if (status == RN_OK && group_text(state, index, "initial_lr") != NULL) /* a scheduler's */
        status = read_number(&group->initial_lr, state, index, "initial_lr");
    if (status == RN_OK && (!rn_is_rate(group->lr) || !rn_is_rate(group->weight_decay) || isinf(group->initial_lr)))
        return rn_fail(&state->context->message, RN_FORMAT, "the file's group %zu: lr %g, weight decay %g, at first %g",
                       index, group->lr, group->weight_decay, group->initial_lr);
    return status;
}

/* A number that the optimizer has once: the same in all groups. */
static rn_status read_shared(double *value, rn_torch_state *state, const char *key)
{
    rn_status status = read_number(value, state, 0, key);

    for (size_t g = 1; status == RN_OK && g < state->group_count; g++) {
        double other = 0;

        status = read_number(&other, state, g, key);
        if (status == RN_OK && other != *value)
            return rn_fail(&state->context->message, RN_UNSUPPORTED,
                           "the file's groups 0 and %zu differ in %s: %g and %g", g, key, *value, other);
    }
    return status;
}

static rn_status read_rule(rn_torch_numbers *numbers, rn_torch_state *state, const char *rule)
{
    const rn_rule_number *number;
    const char *const flag = rn_rule_flag_name(rule);
    double value = 0;
    rn_status status = RN_OK;

    for (size_t i = 0; status == RN_OK && (number = rn_rule_number_at(rule, i)) != NULL; i++) {
        status = read_shared(&numbers->number[i], state, number->torch);
        if (status == RN_OK && (!rn_is_rate(numbers->number[i]) ||
                                ((strncmp(number->name, "beta", 4) == 0 || strcmp(number->name, "alpha") == 0) &&
                                 numbers->number[i] >= 1)))
            status =
                rn_fail(&state->context->message, RN_FORMAT, "the file's %s is %g", number->torch, numbers->number[i]);
    }
    if (status == RN_OK && flag != NULL)
        status = read_shared(&value, state, flag);
    numbers->flag = value != 0;
    if (status == RN_OK && numbers->flag && strcmp(rule, "sgd") == 0 &&
        (numbers->number[0] == 0 || numbers->number[1] != 0))
        return rn_fail(&state->context->message, RN_FORMAT,
                       "the file's optimizer has Nesterov's rule without momentum, or with dampening");
    return status;
}

rn_status rn_torch_numbers_read(rn_torch_numbers *numbers, rn_torch_state *state, const rn_optimizer *optimizer)
{
    const size_t groups = rn_optimizer_group_count(optimizer);
    rn_status status;

    *numbers = (rn_torch_numbers){ .flag = false };
    if (state->group_count != groups)
        return rn_fail(&state->context->message, RN_STATE,
                       "the file's optimizer has %zu groups, the run's %zu: their hyperparameters are not taken",
                       state->group_count, groups);
    numbers->group = rn_allocate_zeroed(&state->context->allocator, groups, sizeof *numbers->group);
    if (numbers->group == NULL)
        return no_memory(state->context);
    status = read_rule(numbers, state, rn_optimizer_rule_name(optimizer));
    for (size_t g = 0; status == RN_OK && g < groups; g++) {
        numbers->group[g] = optimizer->group[g];
        status = read_group(&numbers->group[g], state, g);
    }
    return status;
}

void rn_torch_numbers_swap(rn_torch_numbers *numbers, rn_optimizer *optimizer)
{
    const char *const rule = rn_optimizer_rule_name(optimizer);
    rn_optimizer_group *const group = optimizer->group;
    bool *const ours = rn_rule_flag(optimizer);
    const bool flag = *ours;
    const rn_rule_number *number;

    optimizer->group = numbers->group;
    numbers->group = group;
    *ours = numbers->flag;
    numbers->flag = flag;
    for (size_t i = 0; (number = rn_rule_number_at(rule, i)) != NULL; i++) {
        const double value = rn_rule_number_get(optimizer, number);

        rn_rule_number_set(optimizer, number, numbers->number[i]);
        numbers->number[i] = value;
    }
}
