/* SPDX-License-Identifier: MIT */
/*
 * The state of a run as a struct: phases, history, best, and the place in the open phase. state_json.c writes it down,
 * state_json_read.c reads it.
 */
#include "train/train.h"

#include <string.h>

/* Room for one more, doubled when it is used up: adding n costs n. */
static void *make_room(const rn_allocator *allocator, void *array, size_t count, size_t *capacity, size_t size)
{
    const size_t wanted = *capacity > 0 ? 2 * *capacity : 16;
    void *grown;

    if (count < *capacity)
        return array;
    grown = rn_grow_array(allocator, array, count, wanted, size);
    if (grown != NULL)
        *capacity = wanted;
    return grown;
}

rn_status rn_train_state_add_phase(rn_train_state *state, const rn_phase *phase, const rn_allocator *allocator,
                                   rn_message *message)
{
    char *name;
    rn_phase *grown;

    if (state->phase_count == RN_STATE_PHASES)
        return rn_fail(message, RN_UNSUPPORTED, "a run of more than %d phases", RN_STATE_PHASES);
    name = rn_copy_string(allocator, phase->name);
    grown = name != NULL ? make_room(allocator, state->phase, state->phase_count, &state->phase_capacity, sizeof *grown)
                         : NULL;

    if (grown == NULL) {
        rn_release(allocator, name);
        return rn_fail(message, RN_NO_MEMORY, "no memory for phase \"%s\"", phase->name);
    }
    state->phase = grown;
    state->phase[state->phase_count] = *phase;
    state->phase[state->phase_count++].name = name;
    return RN_OK;
}

rn_status rn_train_state_add_row(rn_train_state *state, const rn_history_row *row, const rn_allocator *allocator,
                                 rn_message *message)
{
    rn_history_row *grown;

    if (state->row_count == RN_STATE_ROWS)
        return rn_fail(message, RN_UNSUPPORTED, "a run of more than %d epochs", RN_STATE_ROWS);
    grown = make_room(allocator, state->row, state->row_count, &state->row_capacity, sizeof *grown);

    if (grown == NULL)
        return rn_fail(message, RN_NO_MEMORY, "no memory for the history's row %zu", state->row_count);
    state->row = grown;
    state->row[state->row_count++] = *row;
    return RN_OK;
}

rn_phase *rn_train_state_find_phase(const rn_train_state *state, const char *name)
{
    for (size_t i = 0; i < state->phase_count; i++)
        if (strcmp(state->phase[i].name, name) == 0)
            return &state->phase[i];
    return NULL;
}

rn_phase *rn_train_state_open_phase(const rn_train_state *state)
{
    if (state->phase_count == 0 || state->phase[state->phase_count - 1].complete)
        return NULL;
    return &state->phase[state->phase_count - 1];
}

uint64_t rn_train_state_total_epoch(const rn_train_state *state)
{
    uint64_t total = (uint64_t)state->epoch;

    for (size_t i = 0; i < state->phase_count; i++)
        if (state->phase[i].complete)
            total += (uint64_t)state->phase[i].epochs;
    return total;
}

rn_status rn_train_state_same_run(const rn_train_state *ours, const rn_train_state *theirs, const char *path,
                                  rn_message *message)
{
    if (strcmp(ours->network, theirs->network) != 0)
        return rn_fail(message, RN_STATE, "%s is of network \"%s\", not \"%s\"", path, theirs->network, ours->network);
    if (ours->seed != theirs->seed)
        return rn_fail(message, RN_STATE, "%s was begun with seed %llu, not %llu", path,
                       (unsigned long long)theirs->seed, (unsigned long long)ours->seed);
    if (ours->batch_size != theirs->batch_size)
        return rn_fail(message, RN_STATE, "%s was begun with batches of %d photos, not %d", path, theirs->batch_size,
                       ours->batch_size);
    if (ours->views != theirs->views)
        return rn_fail(message, RN_STATE,
                       "%s was begun with %d views of each training photo (0: another in every epoch), not %d", path,
                       theirs->views, ours->views);
    if (ours->balanced != theirs->balanced)
        return rn_fail(message, RN_STATE, "%s was begun %s balanced classes", path,
                       theirs->balanced ? "with" : "without");
    if (ours->slices != theirs->slices)
        return rn_fail(message, RN_STATE, "%s was begun with batches in %d slices (0: in one piece), not %d", path,
                       theirs->slices, ours->slices);
    if (ours->bfloat16 != theirs->bfloat16)
        return rn_fail(message, RN_STATE, "%s was begun in %s, this run computes in %s", path,
                       theirs->bfloat16 ? "bfloat16" : "float32", ours->bfloat16 ? "bfloat16" : "float32");
    if (strcmp(ours->pipeline, theirs->pipeline) != 0 ||
        strcmp(ours->training_pipeline, theirs->training_pipeline) != 0)
        return rn_fail(message, RN_STATE, "%s was begun with another preprocessing", path);
    if (ours->train_photos != theirs->train_photos)
        return rn_fail(message, RN_STATE, "%s was begun with other training photos or classes", path);
    return RN_OK;
}

void rn_train_state_release(rn_train_state *state, const rn_allocator *allocator)
{
    for (size_t i = 0; i < state->phase_count; i++)
        rn_release(allocator, state->phase[i].name);
    rn_release(allocator, state->phase);
    rn_release(allocator, state->row);
    rn_release(allocator, state->network);
    rn_release(allocator, state->pipeline);
    rn_release(allocator, state->training_pipeline);
    memset(state, 0, sizeof *state);
}
