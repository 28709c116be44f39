/* SPDX-License-Identifier: MIT */
/* A list under a lock: a network has some hundred copies, and they are looked for when a plan is made. */
#include "params/prepared.h"

#include <string.h>

struct rn_prepared {
    rn_prepared_key key;
    rn_prepared *next;
    int64_t users;
    float *data;
    uint64_t version; /* of the sources when it was made */
    bool made;
};

static bool is_same(const rn_prepared_key *a, const rn_prepared_key *b)
{
    return a->maker == b->maker && a->kernels == b->kernels && a->count == b->count &&
           memcmp(a->source, b->source, sizeof a->source) == 0;
}

static rn_prepared *find(const rn_parameters *parameters, const rn_prepared_key *key)
{
    rn_prepared *found = parameters->prepared;

    while (found != NULL && !is_same(&found->key, key))
        found = found->next;
    return found;
}

/* In memory of the model's context, which outlives the sessions' and is the same whichever session comes first. */
static rn_prepared *make_room(const rn_parameters *parameters, const rn_prepared_key *key)
{
    const rn_allocator *const allocator = &parameters->context->allocator;
    rn_prepared *const made = rn_allocate_zeroed(allocator, 1, sizeof *made);

    if (made == NULL)
        return NULL;
    made->key = *key;
    made->data = rn_allocate_array(allocator, key->count, sizeof *made->data);
    if (made->data != NULL)
        return made;
    rn_release(allocator, made);
    return NULL;
}

rn_status rn_prepared_get(rn_prepared **prepared, rn_parameters *parameters, const rn_prepared_key *key,
                          rn_message *message)
{
    rn_prepared *found;

    rn_gate_enter_exclusive(&parameters->prepared_gate);
    found = find(parameters, key);
    if (found == NULL && (found = make_room(parameters, key)) != NULL) {
        found->next = parameters->prepared;
        parameters->prepared = found;
    }
    if (found != NULL)
        found->users++;
    rn_gate_leave_exclusive(&parameters->prepared_gate);
    *prepared = found;
    return found != NULL ? RN_OK : rn_fail(message, RN_NO_MEMORY, "no memory for prepared weights");
}

void rn_prepared_put(rn_parameters *parameters, rn_prepared *prepared)
{
    const rn_allocator *const allocator = &parameters->context->allocator;
    rn_prepared **link = &parameters->prepared;

    if (prepared == NULL)
        return;
    rn_gate_enter_exclusive(&parameters->prepared_gate);
    if (--prepared->users == 0) {
        while (*link != prepared)
            link = &(*link)->next;
        *link = prepared->next;
        rn_release(allocator, prepared->data);
        rn_release(allocator, prepared);
    }
    rn_gate_leave_exclusive(&parameters->prepared_gate);
}

/* Versions only rise, so their sum stands still only if all of them do. */
static uint64_t version_of_sources(const rn_parameters *parameters, const rn_prepared_key *key)
{
    uint64_t version = 0;

    for (int i = 0; i < RN_PREPARED_SOURCES; i++)
        version += key->source[i] < 0 ? 0 : parameters->entry[key->source[i]].version;
    return version;
}

void rn_prepared_refresh(rn_parameters *parameters, rn_prepared *prepared, void (*make)(void *payload, float *data),
                         void *payload)
{
    const uint64_t version = version_of_sources(parameters, &prepared->key);

    rn_gate_enter_exclusive(&parameters->prepared_gate);
    if (!prepared->made || prepared->version != version)
        make(payload, prepared->data);
    prepared->made = true;
    prepared->version = version;
    rn_gate_leave_exclusive(&parameters->prepared_gate);
}

float *rn_prepared_floats(const rn_prepared *prepared)
{
    return prepared->data;
}
