/* SPDX-License-Identifier: MIT */
#include "train/tree.h"

#include "ops/combine.h"

#include <string.h>

/* Floats that are summed over the processes at a time: more bytes than a network's delay is worth, less than a cache. */
enum { BUCKET = 1 << 19, ROW = 1024 };

/* ---- sums -------------------------------------------------------------------------------------------------------- */

/* sum += other, by all threads. */
static void add(const rn_context *context, float *sum, const float *other, size_t count)
{
    const size_t whole = count / ROW * ROW;
    const rn_map a = { sum, 1, 1, (int64_t)(count / ROW), ROW, ROW }, b = { (float *)other, 1, 1, a.w, ROW, ROW };
    const int64_t rest = (int64_t)(count - whole);
    const rn_map a_rest = { sum + whole, 1, 1, 1, rest, rest },
                 b_rest = { (float *)other + whole, 1, 1, 1, rest, rest };

    if (whole > 0)
        rn_combine(context, &(rn_combination){ .a = &a, .other = &b }, &a);
    if (rest > 0)
        rn_combine(context, &(rn_combination){ .a = &a_rest, .other = &b_rest }, &a_rest);
}

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
    rn_release(allocator, tree->received);
    tree->received = NULL;
    tree->floats = 0;
}

rn_status rn_tree_create(rn_tree *tree, rn_team *team, rn_parameters *parameters, int32_t slices)
{
    const rn_allocator *const allocator = &team->context->allocator;

    *tree = (rn_tree){ .team = team, .parameters = parameters, .slices = slices };
    tree->kept = rn_allocate_zeroed(allocator, (size_t)levels(tree) + 1, sizeof *tree->kept);
    tree->reached = rn_allocate_zeroed(allocator, parameters->count, sizeof *tree->reached);
    if (tree->kept != NULL && tree->reached != NULL)
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
        tree->received = rn_allocate_array(allocator, BUCKET, sizeof(float));
        made = made && tree->received != NULL;
    }
    if (!made) {
        release_room(tree);
        return rn_fail(&tree->team->context->message, RN_NO_MEMORY, "no memory for the gradients of slices");
    }
    tree->floats = floats;
    return RN_OK;
}

/* ---- the slices of this process ---------------------------------------------------------------------------------- */

rn_status rn_tree_begin(rn_tree *tree)
{
    rn_parameters *const parameters = tree->parameters;
    const size_t floats = (size_t)rn_parameters_elements(parameters, 1);
    rn_status status;

    memset(tree->reached, 0, parameters->count * sizeof *tree->reached);
    rn_parameters_clear_gradients(parameters);
    rn_gate_enter_exclusive(&parameters->gate);
    status = rn_parameters_gradients_ready(parameters);
    rn_gate_leave_exclusive(&parameters->gate);
    if (status != RN_OK)
        return rn_fail(&tree->team->context->message, status, "no memory for gradients");
    return tree->floats == floats ? RN_OK : make_room(tree, floats);
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
    int32_t level = 0;

    note_reached(tree, empty);
    for (; index >> level & 1; level++)
        add(tree->team->context, gradients(tree), tree->kept[level], tree->floats);
    if (index + 1 < tree->slices)
        memcpy(tree->kept[level], gradients(tree), tree->floats * sizeof(float));
}

/* ---- between processes ------------------------------------------------------------------------------------------- */

/* A stretch of floats, and where it is cut for one step: half of it is kept, half goes to the partner. */
typedef struct half {
    float *kept, *given;
    size_t kept_floats, given_floats;
} half;

static half cut(float *floats, size_t count, bool upper)
{
    const size_t low = count / 2, high = count - low;

    return upper ? (half){ floats + low, floats, high, low } : (half){ floats, floats + low, low, high };
}

static rn_status add_bucket(rn_tree *tree, float *floats, size_t count)
{
    rn_team *const team = tree->team;
    const int32_t rank = team->engine.rank, size = team->engine.size;
    half step[8]; /* log2 of RN_TEAM_LIMIT */
    int32_t steps = 0;
    rn_status status = RN_OK;

    for (int32_t d = 1; d < size && status == RN_OK; d *= 2) {
        const half h = cut(floats, count, (rank & d) != 0);

        status = rn_team_exchange(team, rank ^ d, h.given, h.given_floats * sizeof(float), tree->received,
                                  h.kept_floats * sizeof(float));
        if (status == RN_OK)
            add(team->context, h.kept, tree->received, h.kept_floats);
        step[steps++] = h;
        floats = h.kept;
        count = h.kept_floats;
    }
    while (status == RN_OK && steps-- > 0) {
        const half h = step[steps];

        status = rn_team_exchange(team, rank ^ (1 << steps), h.kept, h.kept_floats * sizeof(float), h.given,
                                  h.given_floats * sizeof(float));
    }
    return status;
}

rn_status rn_tree_finish(rn_tree *tree, int32_t source)
{
    rn_parameters *const parameters = tree->parameters;
    rn_status status = RN_OK;

    for (size_t done = 0; done < tree->floats && tree->team->engine.size > 1 && status == RN_OK; done += BUCKET) {
        const size_t left = tree->floats - done;

        status = add_bucket(tree, gradients(tree) + done, left < BUCKET ? left : BUCKET);
    }
    if (status == RN_OK && source >= 0)
        status = rn_team_broadcast(tree->team, source, tree->reached, parameters->count * sizeof *tree->reached);
    for (size_t i = 0; i < parameters->count; i++)
        parameters->entry[i].has_gradient = tree->reached[i] && parameters->entry[i].gradient != NULL;
    return status;
}
