/* SPDX-License-Identifier: MIT */
/* Which parameters belong to which group: none to two. */
#include "optim/rule.h"

#include "base/options.h"

RN_NO_TAIL_PADDING(rn_parameter_group, weight_decay);

bool rn_covers(const char *pattern, const char *except, const char *name)
{
    return (pattern == NULL || rn_name_matches(pattern, name)) && (except == NULL || !rn_name_matches(except, name));
}

static const char *shown(const char *pattern)
{
    return pattern != NULL ? pattern : "*";
}

/* The group as a struct of this library's size; an array of the caller's steps by the caller's. */
static rn_status read_group(rn_parameter_group *group, const rn_coverage *coverage, size_t index, rn_message *message)
{
    const char *const first = (const char *)coverage->groups;
    rn_status status;

    if (coverage->groups->struct_size < sizeof(size_t) || coverage->groups->struct_size > RN_OPTIONS_LIMIT)
        return rn_fail(message, RN_INVALID_ARGUMENT, "struct_size of a parameter group is %zu",
                       coverage->groups->struct_size);
    status = rn_options_read(group, sizeof *group, first + index * coverage->groups->struct_size, message);
    if (status != RN_OK)
        return status;
    group->lr = group->lr == 0 ? coverage->lr : rn_option_number(group->lr, 0);
    group->weight_decay = group->weight_decay == 0 ? coverage->weight_decay : rn_option_number(group->weight_decay, 0);
    if (!rn_is_rate(group->lr) || !rn_is_rate(group->weight_decay))
        return rn_fail(message, RN_INVALID_ARGUMENT, "group %zu ('%s'): lr %g, weight decay %g", index,
                       shown(group->pattern), group->lr, group->weight_decay);
    return RN_OK;
}

/* A pattern that matches nothing is a slip, in the place of an exception as well. */
static bool matches_any(const rn_parameters *parameters, const char *pattern)
{
    for (size_t i = 0; i < parameters->count; i++)
        if (parameters->entry[i].is_parameter && rn_name_matches(pattern, parameters->entry[i].name))
            return true;
    return false;
}

/* Puts what the group matches into it. */
static rn_status fill_group(rn_optimizer *optimizer, const rn_coverage *coverage, size_t index,
                            const rn_parameter_group *group)
{
    rn_parameters *const parameters = optimizer->parameters;
    rn_message *const message = &parameters->context->message;
    rn_parameter_group other;
    bool any = false;

    if (group->except != NULL && !matches_any(parameters, group->except))
        return rn_fail(message, RN_INVALID_ARGUMENT, "no parameter matches the exception '%s'", group->except);
    for (size_t i = 0; i < parameters->count; i++) {
        const rn_parameter *const entry = &parameters->entry[i];

        if (!entry->is_parameter || !rn_covers(group->pattern, group->except, entry->name))
            continue;
        if (optimizer->group_of[i] >= 0) {
            const rn_status status = read_group(&other, coverage, (size_t)optimizer->group_of[i], message);

            return status != RN_OK
                       ? status
                       : rn_fail(message, RN_INVALID_ARGUMENT, "'%s' is in two parameter groups, '%s' and '%s'",
                                 entry->name, shown(other.pattern), shown(group->pattern));
        }
        optimizer->group_of[i] = (int32_t)index;
        any = true;
    }
    optimizer->group[index] =
        (rn_optimizer_group){ .lr = group->lr, .weight_decay = group->weight_decay, .initial_lr = NAN };
    return any ? RN_OK
               : rn_fail(message, RN_INVALID_ARGUMENT, "no parameter matches '%s'%s%s%s", shown(group->pattern),
                         group->except != NULL ? " without '" : "", group->except != NULL ? group->except : "",
                         group->except != NULL ? "'" : "");
}

rn_status rn_optimizer_cover(rn_optimizer *optimizer, const rn_coverage *coverage)
{
    rn_message *const message = &optimizer->parameters->context->message;
    const bool grouped = coverage->groups != NULL;
    rn_status status = RN_OK;

    for (size_t i = 0; i < optimizer->parameters->count; i++)
        optimizer->group_of[i] = -1;
    if (grouped != (coverage->group_count > 0) || (grouped && (coverage->pattern != NULL || coverage->except != NULL)))
        return rn_fail(message, RN_INVALID_ARGUMENT,
                       "parameter groups come with their count and take the place of a pattern");
    for (size_t i = 0; status == RN_OK && i < optimizer->group_count; i++) {
        rn_parameter_group group = { sizeof group, coverage->pattern, coverage->except, coverage->lr,
                                     coverage->weight_decay };

        if (grouped)
            status = read_group(&group, coverage, i, message);
        if (status == RN_OK)
            status = fill_group(optimizer, coverage, i, &group);
    }
    return status;
}
