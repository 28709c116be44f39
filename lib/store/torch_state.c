/* SPDX-License-Identifier: MIT */
/*
 * Takes the state of PyTorch's optimizers. All is read and checked before anything is changed, and a
 * whole new state takes the old one's place.
 */
#include "store/torch_state.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- reading ----------------------------------------------------------------------------------------------------- */

typedef struct reading {
    rn_torch_state *state;
    const rn_optimizer *optimizer;
    rn_torch_entry **by_id; /* ascending; NULL: entry i has the id i, as PyTorch writes them now */
} reading;

static int compare_ids(const void *a, const void *b)
{
    const uint64_t x = (*(rn_torch_entry *const *)a)->id, y = (*(rn_torch_entry *const *)b)->id;

    return (x > y) - (x < y);
}

static rn_status sort_ids(reading *r)
{
    rn_torch_state *const state = r->state;
    bool plain = true;

    for (size_t i = 0; i < state->count; i++)
        plain = plain && state->entry[i].id == i;
    if (plain)
        return RN_OK;
    r->by_id = rn_allocate_array(&state->context->allocator, state->count, sizeof(rn_torch_entry *));
    if (r->by_id == NULL)
        return rn_fail(&state->context->message, RN_NO_MEMORY, "no memory for the numbers of parameters");
    for (size_t i = 0; i < state->count; i++)
        r->by_id[i] = &state->entry[i];
    qsort(r->by_id, state->count, sizeof(rn_torch_entry *), compare_ids);
    for (size_t i = 1; i < state->count; i++) {
        if (r->by_id[i]->id == r->by_id[i - 1]->id)
            return rn_fail(&state->context->message, RN_FORMAT, "the file's optimizer has parameter %" PRIu64 " twice",
                           r->by_id[i]->id);
    }
    return RN_OK;
}

static rn_torch_entry *find_entry(const reading *r, uint64_t id)
{
    rn_torch_entry wanted = { .id = id }, *key = &wanted;
    rn_torch_entry **found;

    if (r->by_id == NULL)
        return id < r->state->count ? &r->state->entry[id] : NULL;
    found = bsearch(&key, r->by_id, r->state->count, sizeof(rn_torch_entry *), compare_ids);
    return found != NULL ? *found : NULL;
}

/* "12.exp_avg": the entry, and what is kept of it. */
static rn_status read_name(rn_torch_entry **entry, const char **what, const reading *r, const char *name)
{
    rn_message *const message = &r->state->context->message;
    const size_t digits = strspn(name, "0123456789");
    uint64_t id = 0;

    for (size_t i = 0; i < digits && digits <= 19; i++)
        id = id * 10 + (uint64_t)(name[i] - '0');
    if (digits == 0 || digits > 19 || name[digits] != '.')
        return rn_fail(message, RN_FORMAT, "the file's optimizer keeps '%s', which is no parameter's", name);
    *entry = find_entry(r, id);
    *what = name + digits + 1;
    if (*entry == NULL)
        return rn_fail(message, RN_FORMAT,
                       "the file's optimizer has state of parameter %" PRIu64 ", which is in no group", id);
    (*entry)->has_state = true;
    return RN_OK;
}

static rn_status refuse_slot(const reading *r, const rn_torch_entry *entry, const char *what)
{
    return rn_fail(&r->state->context->message, RN_STATE,
                   "the file's optimizer keeps '%s' of its parameter %" PRIu64 ", the run's %s%s does not", what,
                   entry->id, rn_optimizer_rule_name(r->optimizer),
                   rn_optimizer_slot_count(r->optimizer) == 0 ? " without momentum" : "");
}

static rn_status set_steps(const reading *r, rn_torch_entry *entry, double steps)
{
    if (!(steps >= 0) || steps > 9007199254740992.0 || steps != floor(steps))
        return rn_fail(&r->state->context->message, RN_FORMAT,
                       "the file's optimizer counts %g steps of its parameter %" PRIu64, steps, entry->id);
    entry->steps = (int64_t)steps;
    return RN_OK;
}

/* All but SGD do. */
static bool counts_steps(const rn_optimizer *optimizer)
{
    return optimizer->rule != &rn_sgd_rule;
}

static bool is_step(const reading *r, const char *what)
{
    return strcmp(what, "step") == 0 && counts_steps(r->optimizer);
}

static rn_status take_tensor(const reading *r, const char *name, const rn_tensor *tensor)
{
    rn_torch_entry *entry;
    const char *what;
    double steps = -1;
    rn_status status = read_name(&entry, &what, r, name);

    if (status != RN_OK)
        return status;
    if (is_step(r, what)) {
        if (rn_tensor_count(tensor) == 1)
            status = rn_tensor_read(tensor, RN_FLOAT64, &steps, sizeof steps);
        return status == RN_OK ? set_steps(r, entry, steps) : status;
    }
    for (int32_t slot = 0; slot < rn_optimizer_slot_count(r->optimizer); slot++) {
        if (strcmp(what, rn_optimizer_slot_name(r->optimizer, slot)) == 0) {
            entry->slot[slot] = tensor;
            return RN_OK;
        }
    }
    return refuse_slot(r, entry, what);
}

static rn_status take_text(const reading *r, const char *name, const char *text)
{
    rn_torch_entry *entry;
    const char *what;
    double steps = -1;
    bool found;
    rn_status status = read_name(&entry, &what, r, name);

    if (status != RN_OK)
        return status;
    if (!is_step(r, what))
        return refuse_slot(r, entry, what);
    status = rn_torch_number(&steps, &found, r->state->context, text);
    return status == RN_OK ? set_steps(r, entry, steps) : status;
}

/* What stands before the names of the state's tensors: their nesting may have been taken off (checkpoint.h). */
static const char *tensor_prefix(const rn_checkpoint *file, const char *prefix)
{
    const char *const nesting = rn_checkpoint_metadata(file, "rn.nesting");
    const size_t length = nesting != NULL ? strlen(nesting) : 0;

    if (nesting == NULL)
        return prefix;
    return strncmp(prefix, nesting, length) == 0 && prefix[length] == '.' ? prefix + length + 1 : NULL;
}

static rn_status read_entries(const reading *r, const char *prefix)
{
    const rn_checkpoint *const file = r->state->file;
    const char *const of_tensors = tensor_prefix(file, prefix);
    const size_t length = strlen(prefix), tensor_length = of_tensors != NULL ? strlen(of_tensors) : 0;
    rn_status status = RN_OK;

    for (size_t i = 0; status == RN_OK && of_tensors != NULL && i < rn_checkpoint_count(file); i++) {
        const char *const name = rn_checkpoint_name(file, i);

        if (strncmp(name, of_tensors, tensor_length) == 0)
            status = take_tensor(r, name + tensor_length, rn_checkpoint_tensor(file, i));
    }
    for (size_t i = 0; status == RN_OK && i < rn_checkpoint_metadata_count(file); i++) {
        const char *const key = rn_checkpoint_metadata_key(file, i);

        if (strncmp(key, prefix, length) == 0)
            status = take_text(r, key + length, rn_checkpoint_metadata(file, key));
    }
    return status;
}

static rn_status read_state(rn_torch_state *state, const rn_optimizer *optimizer)
{
    const rn_allocator *const allocator = &state->context->allocator;
    const size_t nbytes = strlen(state->prefix) + sizeof "state.";
    char *const prefix = rn_allocate(allocator, nbytes);
    reading r = { .state = state, .optimizer = optimizer };
    rn_status status;

    if (prefix == NULL)
        return rn_fail(&state->context->message, RN_NO_MEMORY, "no memory for the name of a state");
    snprintf(prefix, nbytes, "%sstate.", state->prefix);
    status = sort_ids(&r);
    if (status == RN_OK)
        status = read_entries(&r, prefix);
    rn_release(allocator, r.by_id);
    rn_release(allocator, prefix);
    return status;
}

/* ---- checking ---------------------------------------------------------------------------------------------------- */

static rn_status check_entry(rn_torch_state *state, const rn_optimizer *optimizer, rn_torch_entry *entry)
{
    const char *const name = optimizer->parameters->entry[entry->parameter].name;
    rn_message *const message = &state->context->message;
    const bool counted = counts_steps(optimizer);
    rn_status status = RN_OK;

    if (optimizer->group_of[entry->parameter] < 0)
        return rn_fail(message, RN_STATE,
                       "the file has optimizer state of %s, which the run's optimizer does not cover", name);
    if (counted && entry->steps < 0)
        return rn_fail(message, RN_FORMAT, "the file's optimizer lacks 'step' of %s", name);
    for (int32_t slot = 0; status == RN_OK && slot < rn_optimizer_slot_count(optimizer); slot++) {
        const char *const slot_name = rn_optimizer_slot_name(optimizer, slot);

        status = entry->slot[slot] != NULL
                     ? rn_state_check_slot(optimizer, entry->parameter, slot_name, entry->slot[slot], false)
                     : rn_fail(message, RN_FORMAT, "the file's optimizer lacks '%s' of %s", slot_name, name);
    }
    if (!counted)
        entry->steps = 1; /* SGD asks only whether it is the first */
    return status;
}

static rn_status check_entries(rn_torch_state *state, const rn_optimizer *optimizer)
{
    rn_status status = RN_OK;

    for (size_t i = 0; status == RN_OK && i < state->count; i++) {
        if (state->entry[i].has_state)
            status = check_entry(state, optimizer, &state->entry[i]);
    }
    return status;
}

/* ---- taking ------------------------------------------------------------------------------------------------------ */

static rn_status fill(rn_optimizer *optimizer, const void *payload)
{
    const rn_torch_state *const state = payload;
    rn_status status = RN_OK;

    for (size_t i = 0; status == RN_OK && i < state->count; i++) {
        const rn_torch_entry *const entry = &state->entry[i];

        for (int32_t slot = 0; status == RN_OK && entry->has_state && slot < rn_optimizer_slot_count(optimizer); slot++)
            status = rn_optimizer_restore(optimizer, entry->parameter, slot, entry->slot[slot], entry->steps);
    }
    return status;
}

/* With the hyperparameters that the optimizer is to have. */
static rn_status take(rn_torch_state *state, rn_optimizer *optimizer, const rn_optimizer_load_options *o)
{
    rn_status status = read_state(state, optimizer);

    if (status == RN_OK)
        status = rn_torch_map(state, optimizer, o->pattern, o->except);
    if (status == RN_OK)
        status = check_entries(state, optimizer);
    return status == RN_OK ? rn_state_replace(optimizer, fill, state) : status;
}

static rn_status take_all(rn_torch_state *state, rn_optimizer *optimizer, const rn_optimizer_load_options *o)
{
    rn_torch_numbers numbers;
    rn_status status;

    if (o->hyperparameters == 0)
        return take(state, optimizer, o);
    status = rn_torch_numbers_read(&numbers, state, optimizer);
    if (status == RN_OK) {
        rn_torch_numbers_swap(&numbers, optimizer);
        status = take(state, optimizer, o);
        if (status != RN_OK)
            rn_torch_numbers_swap(&numbers, optimizer);
    }
    rn_release(&state->context->allocator, numbers.group);
    return status;
}

rn_status rn_torch_state_load(rn_optimizer *optimizer, const rn_checkpoint *file, const rn_optimizer_load_options *o)
{
    rn_torch_state state;
    rn_status status = rn_torch_state_open(&state, optimizer->parameters->context, file, o->prefix);

    if (status == RN_OK)
        status = rn_torch_check_rule(&state, optimizer);
    if (status == RN_OK)
        status = take_all(&state, optimizer, o);
    rn_torch_state_release(&state);
    return status;
}
