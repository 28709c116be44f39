/* SPDX-License-Identifier: MIT */
/*
 * Which of our parameters PyTorch's optimizer numbers how. It numbers what it was given, in the order of
 * model.parameters(), which is that of the network; what it was given is what the caller says, or what this optimizer
 * covers, or the only run of parameters that fits.
 */
#include "store/torch_state.h"

#include <string.h>

/* The parameters of the network, without buffers, in its order. */
typedef struct parameter_list {
    size_t *index;
    size_t count;
} parameter_list;

static const rn_parameter *entry_of(const rn_optimizer *optimizer, size_t index)
{
    return &optimizer->parameters->entry[index];
}

/* Those that match. */
static void fill_list(parameter_list *list, const rn_optimizer *optimizer, const char *pattern, const char *except)
{
    list->count = 0;
    for (size_t i = 0; i < optimizer->parameters->count; i++) {
        const rn_parameter *const entry = entry_of(optimizer, i);

        if (entry->is_parameter && rn_covers(pattern, except, entry->name))
            list->index[list->count++] = i;
    }
}

static void map_run(rn_torch_state *state, const parameter_list *list, size_t first)
{
    for (size_t i = 0; i < state->count; i++)
        state->entry[i].parameter = list->index[first + i];
}

static rn_status map_pattern(rn_torch_state *state, const parameter_list *list, const char *pattern, const char *except)
{
    rn_message *const message = &state->context->message;

    if (list->count == 0)
        return rn_fail(message, RN_INVALID_ARGUMENT, "no parameter matches '%s' without '%s'",
                       pattern != NULL ? pattern : "*", except != NULL ? except : "");
    if (state->group_count != 1 || state->count != list->count)
        return rn_fail(message, RN_STATE,
                       "the file's optimizer was given %zu parameters in %zu groups; '%s' without '%s' are %zu, in one",
                       state->count, state->group_count, pattern != NULL ? pattern : "*", except != NULL ? except : "",
                       list->count);
    map_run(state, list, 0);
    return RN_OK;
}

/* Group by group what this optimizer covers; false if the groups have other sizes. */
static bool map_groups(rn_torch_state *state, const rn_optimizer *optimizer)
{
    size_t at = 0;

    if (state->group_count != rn_optimizer_group_count(optimizer))
        return false;
    for (size_t g = 0; g < state->group_count; g++) {
        const size_t end = at + state->group_size[g];

        for (size_t i = 0; i < optimizer->parameters->count; i++) {
            if (optimizer->group_of[i] != (int32_t)g)
                continue;
            if (at == end)
                return false;
            state->entry[at++].parameter = i;
        }
        if (at != end)
            return false;
    }
    return true;
}

static bool fits(const rn_torch_entry *entry, const rn_optimizer *optimizer, size_t parameter)
{
    for (int32_t slot = 0; slot < RN_RULE_STATES; slot++) {
        if (entry->slot[slot] != NULL &&
            (optimizer->group_of[parameter] < 0 ||
             !rn_tensor_same_shape(entry->slot[slot], entry_of(optimizer, parameter)->value)))
            return false;
    }
    return true;
}

static bool run_fits(const rn_torch_state *state, const rn_optimizer *optimizer, const parameter_list *list,
                     size_t first)
{
    bool fine = true;

    for (size_t i = 0; fine && i < state->count; i++)
        fine = fits(&state->entry[i], optimizer, list->index[first + i]);
    return fine;
}

/* The only run whose shapes fit. Where there can be no other, its misfit is told by the parameter's name later. */
static rn_status map_fitting_run(rn_torch_state *state, const rn_optimizer *optimizer, const parameter_list *list)
{
    rn_message *const message = &state->context->message;
    size_t runs = 0, found = 0;

    for (size_t first = 0; first + state->count <= list->count; first++) {
        if (state->count != list->count && !run_fits(state, optimizer, list, first))
            continue;
        if (runs++ > 0)
            return rn_fail(message, RN_STATE,
                           "the file's optimizer was given %zu parameters, which may begin with %s or %s: "
                           "rn_optimizer_load_options.pattern says which",
                           state->count, entry_of(optimizer, list->index[found])->name,
                           entry_of(optimizer, list->index[first])->name);
        found = first;
    }
    if (runs == 0)
        return rn_fail(message, RN_STATE,
                       "the file's optimizer was given %zu parameters, and its state fits no run of them in the model "
                       "that this optimizer covers: rn_optimizer_load_options.pattern says which they were",
                       state->count);
    map_run(state, list, found);
    return RN_OK;
}

static bool has_any_state(const rn_torch_state *state)
{
    for (size_t i = 0; i < state->count; i++) {
        if (state->entry[i].has_state)
            return true;
    }
    return false;
}

rn_status rn_torch_map(rn_torch_state *state, const rn_optimizer *optimizer, const char *pattern, const char *except)
{
    const rn_allocator *const allocator = &state->context->allocator;
    const bool chosen = pattern != NULL || except != NULL;
    parameter_list list = { .index = NULL };
    rn_status status;

    if (!chosen && (map_groups(state, optimizer) || !has_any_state(state)))
        return RN_OK;
    if (!chosen && state->group_count != 1)
        return rn_fail(&state->context->message, RN_STATE,
                       "the file's optimizer was given %zu parameters in %zu groups; the run's groups are others",
                       state->count, state->group_count);
    list.index = rn_allocate_array(allocator, optimizer->parameters->count, sizeof *list.index);
    if (list.index == NULL)
        return rn_fail(&state->context->message, RN_NO_MEMORY, "no memory for a list of parameters");
    fill_list(&list, optimizer, pattern, except);
    status = chosen ? map_pattern(state, &list, pattern, except) : map_fitting_run(state, optimizer, &list);
    rn_release(allocator, list.index);
    return status;
}
