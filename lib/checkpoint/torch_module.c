/* SPDX-License-Identifier: MIT */
/*
 * Modules that were saved whole: torch.save(model), a module among the values of a dictionary, and TorchScript
 * programs. No class is known or needed. What BUILD was given, the object's attributes, says all:
 *
 *   torch.nn        _parameters, _buffers and _modules are dictionaries; _non_persistent_buffers_set names buffers that
 *                   a state dict leaves out
 *   TorchScript     parameters, buffers and submodules lie among the attributes themselves
 * The names are those of the module's state_dict(). All other attributes are of no interest.
 */
#include "checkpoint/torch_walk.h"

#include <string.h>

/* Units of the budget's work: an entry of a dictionary or a set that is looked through for a text. */
enum { MEMBER_WORK = 16, LOOKUPS = 7 /* of a module's dictionaries by their names */ };

/*
 * The dictionary of attributes, alone or in front of those that __slots__ hold. A module of torch.fx has no BUILD: the
 * call that makes it is given them. NULL if there is none.
 */
static const rn_pickle_value *attributes_of(const rn_pickle_value *object)
{
    const rn_pickle_call *call = object->as.call;
    const rn_pickle_value *state = &call->state;

    if (state->type == RN_PICKLE_NONE && call->arguments->count > 0)
        state = &call->arguments->value[0];
    if (state->type == RN_PICKLE_TUPLE && state->as.items->count == 2)
        state = &state->as.items->value[0];
    return state->type == RN_PICKLE_DICTIONARY ? state : NULL;
}

/* An attribute that is a dictionary; NULL if there is none. */
static const rn_pickle_items *dictionary(const rn_pickle_value *attributes, const char *key)
{
    const rn_pickle_value *value = rn_pickle_member(attributes, key);

    return value != NULL && value->type == RN_PICKLE_DICTIONARY ? value->as.items : NULL;
}

static bool is_call_of(const rn_pickle_value *value, rn_global_kind kind)
{
    return value->type == RN_PICKLE_CALL && value->as.call->function->kind == kind;
}

rn_status rn_walk_is_module(bool *module, const rn_torch_walk *w, const rn_pickle_value *value)
{
    const bool script = is_call_of(value, RN_GLOBAL_SCRIPT);
    const rn_pickle_value *attributes = script || is_call_of(value, RN_GLOBAL_STRANGER) ? attributes_of(value) : NULL;

    *module = attributes != NULL;
    if (attributes == NULL || script)
        return RN_OK;
    *module = dictionary(attributes, "_parameters") != NULL && dictionary(attributes, "_buffers") != NULL &&
              dictionary(attributes, "_modules") != NULL;
    return rn_reader_work(w->reader, rn_budget_product(attributes->as.items->count, LOOKUPS * MEMBER_WORK));
}

/* The items of a set: a list that was given to the class, or what protocol 4 has an opcode for. NULL: no set. */
static const rn_pickle_items *set_items(const rn_pickle_value *value)
{
    if (value == NULL || value->type == RN_PICKLE_SET)
        return value == NULL ? NULL : value->as.items;
    if (value->type != RN_PICKLE_CALL || value->as.call->arguments->count != 1)
        return NULL;
    return rn_pickle_sequence(&value->as.call->arguments->value[0]);
}

static rn_status is_in_set(bool *found, const rn_torch_walk *w, const rn_pickle_items *set, const rn_pickle_value *key)
{
    *found = false;
    if (set == NULL || key->type != RN_PICKLE_TEXT)
        return RN_OK;
    for (size_t i = 0; i < set->count && !*found; i++) {
        const rn_pickle_value *item = &set->value[i];
        const bool same_length = item->type == RN_PICKLE_TEXT && item->length == key->length;
        const rn_status status = rn_reader_work(w->reader, MEMBER_WORK + (same_length ? (size_t)key->length : 0));

        if (status != RN_OK)
            return status;
        *found = same_length && (key->length == 0 || memcmp(item->as.text, key->as.text, key->length) == 0);
    }
    return RN_OK;
}

/* Every value of the dictionary but those whose keys are in the set `without`. */
static rn_status visit_all(rn_torch_walk *w, const rn_pickle_items *items, const rn_pickle_items *without,
                           rn_walk_visitor visit, int depth)
{
    rn_status status = RN_OK;

    for (size_t i = 0; i + 1 < items->count && status == RN_OK; i += 2) {
        bool left_out;

        status = is_in_set(&left_out, w, without, &items->value[i]);
        if (status == RN_OK && !left_out && items->value[i + 1].type != RN_PICKLE_NONE)
            status = visit(w, &items->value[i], &items->value[i + 1], depth);
    }
    return status;
}

static rn_status visit_nn(rn_torch_walk *w, const rn_pickle_value *attributes, rn_walk_visitor visit, int depth)
{
    const rn_pickle_items *fleeting = set_items(rn_pickle_member(attributes, "_non_persistent_buffers_set"));
    rn_status status = visit_all(w, dictionary(attributes, "_parameters"), NULL, visit, depth);

    if (status == RN_OK)
        status = visit_all(w, dictionary(attributes, "_buffers"), fleeting, visit, depth);
    if (status == RN_OK)
        status = visit_all(w, dictionary(attributes, "_modules"), NULL, visit, depth);
    return status;
}

/* What an attribute of a script must be to count: a tensor, or a module. */
static bool counts(const rn_pickle_value *value)
{
    return is_call_of(value, RN_GLOBAL_TENSOR) || is_call_of(value, RN_GLOBAL_PARAMETER) ||
           is_call_of(value, RN_GLOBAL_SUBCLASS) || is_call_of(value, RN_GLOBAL_SCRIPT);
}

static rn_status visit_script(rn_torch_walk *w, const rn_pickle_items *attributes, rn_walk_visitor visit, int depth)
{
    rn_status status = rn_reader_work(w->reader, rn_budget_product(attributes->count, MEMBER_WORK));

    for (size_t i = 0; i + 1 < attributes->count && status == RN_OK; i += 2)
        if (counts(&attributes->value[i + 1]))
            status = visit(w, &attributes->value[i], &attributes->value[i + 1], depth);
    return status;
}

rn_status rn_walk_visit_module(rn_torch_walk *w, const rn_pickle_value *value, rn_walk_visitor visit, int depth)
{
    const rn_pickle_value *attributes = attributes_of(value);

    return is_call_of(value, RN_GLOBAL_SCRIPT) ? visit_script(w, attributes->as.items, visit, depth)
                                               : visit_nn(w, attributes, visit, depth);
}
