/* SPDX-License-Identifier: MIT */
#include "train/tree.h"

#include "train/buckets.h"

#include <string.h>

static float *gradients(const rn_tree *tree)
{
    return tree->parameters->gradients->memory;
}

/* ---- life -------------------------------------------------------------------------------------------------------- */

static int32_t levels(const rn_tree *tree)
{
    int32_t count = 0;

    while (tree->slices >> (count + 1) > 0)
        count++;
    return count;
}

static void release_room(rn_tree *tree)
{
    const rn_allocator *const allocator = &tree->team->context->allocator;

    for (int32_t l = 0; l < levels(tree); l++) {
        rn_release(allocator, tree->kept[l]);
        tree->kept[l] = NULL;
    }
    rn_release(allocator, tree->before);
    rn_release(allocator, tree->received);
    rn_release(allocator, tree->missing);
    tree->before = tree->received = NULL;
    tree->missing = NULL;
    tree->floats = 0;
}

rn_status rn_tree_create(rn_tree *tree, rn_team *team, rn_parameters *parameters, int32_t slices)
{
    const rn_allocator *const allocator = &team->context->allocator;

    *tree = (rn_tree){ .team = team, .parameters = parameters, .slices = slices };
    tree->kept = rn_allocate_zeroed(allocator, (size_t)levels(tree) + 1, sizeof *tree->kept);
    tree->reached = rn_allocate_zeroed(allocator, parameters->count, sizeof *tree->reached);
    tree->taken = rn_allocate_zeroed(allocator, parameters->count, sizeof *tree->taken);
    if (tree->kept != NULL && tree->reached != NULL && tree->taken != NULL)
        return RN_OK;
    rn_tree_release(tree);
    return rn_fail(&team->context->message, RN_NO_MEMORY, "no memory to train in slices");
}

void rn_tree_release(rn_tree *tree)
{
    if (tree->team == NULL)
        return;
    if (tree->kept != NULL)
        release_room(tree);
    rn_release(&tree->team->context->allocator, tree->kept);
    rn_release(&tree->team->context->allocator, tree->reached);
    rn_release(&tree->team->context->allocator, tree->taken);
    *tree = (rn_tree){ 0 };
}

static rn_status make_room(rn_tree *tree, size_t floats)
{
    const rn_allocator *const allocator = &tree->team->context->allocator;
    bool made = true;

    release_room(tree);
    for (int32_t l = 0; l < levels(tree); l++) {
        tree->kept[l] = rn_allocate_array(allocator, floats, sizeof(float));
        made = made && tree->kept[l] != NULL;
    }
    if (tree->team->engine.size > 1) {
        tree->received = rn_allocate_array(allocator, RN_BUCKET, sizeof(float));
        tree->missing = rn_allocate_array(allocator, rn_bucket_count(floats), sizeof *tree->missing);
        made = made && tree->received != NULL && tree->missing != NULL;
    }
    if (!made) {
        release_room(tree);
        return rn_fail(&tree->team->context->message, RN_NO_MEMORY, "no memory for the gradients of slices");
    }
    tree->floats = floats;
    return RN_OK;
}

/* ---- the slices of this process ---------------------------------------------------------------------------------- */

/* Gradients of this step that are there are put aside. */
static rn_status put_aside(rn_tree *tree)
{
    const rn_allocator *const allocator = &tree->team->context->allocator;

    if (tree->before == NULL)
        tree->before = rn_allocate_array(allocator, tree->floats, sizeof(float));
    if (tree->before == NULL)
        return rn_fail(&tree->team->context->message, RN_NO_MEMORY, "no memory for the gradients of several batches");
    memcpy(tree->before, gradients(tree), tree->floats * sizeof(float));
    return RN_OK;
}

static bool has_gradients(const rn_parameters *parameters)
{
    for (size_t i = 0; i < parameters->count; i++)
        if (parameters->entry[i].has_gradient)
            return true;
    return false;
}

rn_status rn_tree_begin(rn_tree *tree, bool adds)
{
    rn_parameters *const parameters = tree->parameters;
    const size_t floats = (size_t)rn_parameters_elements(parameters, 1);
    rn_status status;

    rn_gate_enter_exclusive(&parameters->gate);
    status = rn_parameters_gradients_ready(parameters);
    rn_gate_leave_exclusive(&parameters->gate);
    if (status != RN_OK)
        return rn_fail(&tree->team->context->message, status, "no memory for gradients");
    if (tree->floats != floats)
        status = make_room(tree, floats);
    tree->adds = adds && has_gradients(parameters); /* a change of what is trainable has them forgotten */
    if (status == RN_OK && tree->adds)
        status = put_aside(tree);
    if (!tree->adds)
        memset(tree->reached, 0, parameters->count * sizeof *tree->reached);
    rn_parameters_clear_gradients(parameters);
    return status;
}

/* What backward did not reach is zero: a slice without photos, parameters that no loss depends on. */
static void note_reached(rn_tree *tree, bool empty)
{
    rn_parameters *const parameters = tree->parameters;

    for (size_t i = 0; i < parameters->count; i++) {
        rn_parameter *const entry = &parameters->entry[i];

        if (entry->gradient == NULL)
            continue;
        if (empty || !entry->has_gradient)
            memset(entry->gradient->data, 0, (size_t)entry->count * sizeof(float));
        else
            tree->reached[i] = true;
        entry->has_gradient = false; /* the next backward overwrites */
    }
}

void rn_tree_add(rn_tree *tree, int32_t index, bool empty)
{
    const rn_context *const context = tree->team->context;
    int32_t level = 0;

    note_reached(tree, empty);
    for (; index >> level & 1; level++)
        rn_add_floats(context, &context->pool, gradients(tree), tree->kept[level], tree->floats);
    memcpy(tree->kept[level], gradients(tree), tree->floats * sizeof(float));
}

/* ---- the last slice, and the other processes --------------------------------------------------------------------- */

/* The last backward of a batch: each gradient becomes the sum of this process's, and is then ready for the others'. */
typedef struct last_slice {
    rn_tree *tree;
    rn_buckets buckets;
} last_slice;

static void take_gradient(last_slice *last, size_t parameter)
{
    rn_tree *const tree = last->tree;
    const rn_context *const context = tree->team->context;
    const rn_parameter *const entry = &tree->parameters->entry[parameter];
    float *const gradient = (float *)(void *)entry->gradient->data;
    const size_t offset = (size_t)(gradient - gradients(tree)), count = (size_t)entry->count;

    tree->taken[parameter] = true;
    for (int32_t level = 0; level < levels(tree); level++)
        rn_add_floats(context, &context->pool, gradient, tree->kept[level] + offset, count);
    if (tree->team->engine.size > 1)
        rn_buckets_arrive(&last->buckets, offset, count);
}

static void hear_of_gradient(void *payload, const rn_ready *ready)
{
    last_slice *const last = payload;

    last->tree->reached[ready->parameter] = true;
    take_gradient(last, (size_t)ready->parameter);
}

static rn_status go_back(last_slice *last, rn_session *session)
{
    rn_status status;

    memset(last->tree->taken, 0, last->tree->parameters->count * sizeof *last->tree->taken);
    if (session != NULL) {
        session->gradient_ready = hear_of_gradient;
        session->payload = last;
        status = rn_session_backward(session);
        session->gradient_ready = NULL;
        if (status != RN_OK)
            return status;
    }
    note_reached(last->tree, session == NULL); /* what nobody has heard of is zero */
    for (size_t i = 0; i < last->tree->parameters->count; i++)
        if (last->tree->parameters->entry[i].gradient != NULL && !last->tree->taken[i])
            take_gradient(last, i);
    return RN_OK;
}

/* The gradients that begin in [begin, end) of all are those of the batch. */
static void have_gradients(const rn_tree *tree, size_t begin, size_t end)
{
    for (size_t i = 0; i < tree->parameters->count; i++) {
        rn_parameter *const entry = &tree->parameters->entry[i];
        size_t offset;

        if (entry->gradient == NULL)
            continue;
        offset = (size_t)((float *)(void *)entry->gradient->data - gradients(tree));
        if (offset >= begin && offset < end)
            entry->has_gradient = tree->reached[i];
    }
}

/* Nothing reads parameters between backward and the next forward. */
static rn_status step_as_they_come(last_slice *last, rn_optimizer *optimizer)
{
    rn_tree *const tree = last->tree;
    size_t end = tree->floats, begin;
    rn_status status = rn_parameters_begin_write(tree->parameters, &tree->team->context->message);

    if (status != RN_OK)
        return status;
    while (status == RN_OK && rn_buckets_next(&begin, &last->buckets)) {
        bool any;

        have_gradients(tree, begin, end);
        status = rn_optimizer_step_inside(&any, optimizer);
        tree->stepped = tree->stepped || any;
        end = begin;
    }
    rn_parameters_end_change(tree->parameters);
    return status;
}

rn_status rn_tree_finish(rn_tree *tree, rn_session *session, int32_t source, rn_optimizer *optimizer)
{
    rn_parameters *const parameters = tree->parameters;
    last_slice last = { tree,
                        { .team = tree->team,
                          .floats = gradients(tree),
                          .count = tree->floats,
                          .received = tree->received,
                          .missing = tree->missing } };
    const bool alone = tree->team->engine.size == 1;
    rn_status status, summed = RN_OK;

    tree->stepped = false;
    if (!alone)
        rn_buckets_begin(&last.buckets);
    status = go_back(&last, session);
    if (!alone && status != RN_OK)
        rn_buckets_stop(&last.buckets);
    else if (!alone && optimizer != NULL && source < 0 && !tree->adds)
        status = step_as_they_come(&last, optimizer);
    if (!alone)
        summed = rn_buckets_end(&last.buckets);
    tree->seconds = last.buckets.seconds;
    tree->waited = last.buckets.waited;
    status = status != RN_OK ? status : summed;
    if (status == RN_OK && tree->adds)
        rn_add_floats(tree->team->context, &tree->team->context->pool, gradients(tree), tree->before, tree->floats);
    if (status == RN_OK && source >= 0)
        status = rn_team_broadcast(tree->team, source, tree->reached, parameters->count * sizeof *tree->reached);
    if (!tree->stepped)
        have_gradients(tree, 0, tree->floats);
    return status;
}
