/* SPDX-License-Identifier: MIT */
/*
 * Recomputation: what a combination made (a batch norm, a sum, a ReLU) need not be kept for backward. It can be made
 * again from what it was made of, by the same operation and to the same bits, in front of the first operation that
 * reads it there: T. Chen et al., "Training Deep Nets with Sublinear Memory Cost", 2016; G. Pleiss et al.,
 * "Memory-Efficient Implementation of DenseNets", 2017.
 *
 *   forward   ... CONV -> y   COMBINE y -> z   CONV z ...
 *   backward  ... COMBINE y -> z'   CONV_BACKWARD z' ...   NORM_SUMS z'   COMBINE over y ...
 *
 * z then lives until its last reader in forward, z' between its readers in backward. That costs one pass over the map,
 * no convolution. Along the shortcuts of a stage sums are made of sums: when the last is wanted, so are those before it
 * as far as one that was kept, which is every fifth. The largest maps go first.
 */
#include "run/kinds.h"
#include "run/plan.h"

#include <stdlib.h>

/* Sums of a stage that are made of one another: they are all there when the last is wanted. */
enum { CHAIN_MOST = 4 };

/* A map that can be made again. In the order of their makers. */
typedef struct candidate {
    int32_t maker;        /* operation */
    int32_t view, again;  /* z and, if it is chosen, z' */
    int32_t first_reader; /* in backward */
    int32_t chain;        /* how many are made of one another, the last of them this */
    int64_t image_bytes;
} candidate;

/* Of a buffer. */
typedef struct holding {
    candidate *candidate; /* or NULL */
    int32_t first_change; /* the first operation of backward that does not only read it */
} holding;

typedef struct recomputing {
    rn_tape *tape;
    candidate *candidate;
    int32_t count;
    holding *of_buffer;
} recomputing;

static int32_t buffer_of(const rn_tape *tape, const rn_operation *o, int operand)
{
    return tape->view[o->operand[operand].view].buffer;
}

/* ---- which maps can be made again -------------------------------------------------------------------------------- */

static void propose(recomputing *r, int32_t maker)
{
    const rn_operation *const o = &r->tape->operation[maker];
    const int32_t buffer = buffer_of(r->tape, o, RN_Y);
    const rn_buffer *const b = &r->tape->buffer[buffer];

    if (o->kind != &rn_op_combine || b->place != RN_IN_ARENA || !b->of_images || b->from_start || b->to_end)
        return;
    r->candidate[r->count] = (candidate){ .maker = maker,
                                          .view = o->operand[RN_Y].view,
                                          .again = -1,
                                          .first_reader = -1,
                                          .image_bytes = b->h * b->w * b->c * (int64_t)b->element };
    r->of_buffer[buffer].candidate = &r->candidate[r->count++];
}

/* A map is written by its maker alone, and read, whole. */
static void look_at_operand(recomputing *r, int32_t index, int operand)
{
    const rn_operation *const o = &r->tape->operation[index];
    holding *const held = &r->of_buffer[buffer_of(r->tape, o, operand)];
    candidate *const c = held->candidate;
    const bool in_backward = index >= r->tape->backward, reads = o->operand[operand].role == RN_READ;

    if (in_backward && !reads && index < held->first_change)
        held->first_change = index;
    if (c == NULL || index == c->maker)
        return;
    if (!reads || o->operand[operand].view != c->view)
        held->candidate = NULL;
    else if (in_backward && c->first_reader < 0)
        c->first_reader = index;
}

/* Backward wants it, and what made it is then still what it was. */
static bool can_be_made(const recomputing *r, const candidate *c)
{
    const rn_operation *const maker = &r->tape->operation[c->maker];

    for (int j = 0; j < RN_OPERANDS; j++)
        if (rn_has(maker, j) && j != RN_Y && r->of_buffer[buffer_of(r->tape, maker, j)].first_change < c->first_reader)
            return false;
    return c->first_reader >= 0 && r->of_buffer[r->tape->view[c->view].buffer].candidate == c;
}

static void find_candidates(recomputing *r)
{
    for (int32_t i = 0; i < r->tape->buffers; i++)
        r->of_buffer[i] = (holding){ NULL, INT32_MAX };
    for (int32_t i = 0; i < r->tape->loss; i++)
        if (rn_has(&r->tape->operation[i], RN_Y))
            propose(r, i);
    for (int32_t i = 0; i < r->tape->operations; i++)
        for (int j = 0; j < RN_OPERANDS; j++)
            if (rn_has(&r->tape->operation[i], j))
                look_at_operand(r, i, j);
}

/* ---- choosing ---------------------------------------------------------------------------------------------------- */

static int by_size(const void *a, const void *b)
{
    const candidate *const x = *(candidate *const *)a, *const y = *(candidate *const *)b;

    if (x->image_bytes != y->image_bytes)
        return x->image_bytes < y->image_bytes ? 1 : -1;
    return (x->maker > y->maker) - (x->maker < y->maker);
}

/* The candidate that an operand of a candidate's maker is, if it is chosen; else NULL. */
static candidate *chosen_source(const recomputing *r, const candidate *c, int operand)
{
    const rn_operation *const maker = &r->tape->operation[c->maker];
    candidate *source;

    if (operand == RN_Y || !rn_has(maker, operand))
        return NULL;
    source = r->of_buffer[buffer_of(r->tape, maker, operand)].candidate;
    return source != NULL && source->again >= 0 ? source : NULL;
}

/* How many would be made of one another, the last of them c. */
static int32_t chain_to(const recomputing *r, const candidate *c)
{
    int32_t longest = 0;

    for (int j = 0; j < RN_OPERANDS; j++) {
        const candidate *const source = chosen_source(r, c, j);

        if (source != NULL && source->chain > longest)
            longest = source->chain;
    }
    return longest + 1;
}

/* Chooses up to `most` of them; `order` has room for all. */
static int32_t choose(recomputing *r, candidate **order, int32_t most)
{
    int32_t able = 0, chosen = 0;

    for (int32_t i = 0; i < r->count; i++)
        if (can_be_made(r, &r->candidate[i]))
            order[able++] = &r->candidate[i];
    qsort(order, (size_t)able, sizeof *order, by_size);
    for (int32_t i = 0; i < able && chosen < most; i++) {
        order[i]->chain = chain_to(r, order[i]);
        if (order[i]->chain > CHAIN_MOST)
            continue;
        order[i]->again = rn_tape_view_like(r->tape, order[i]->view);
        chosen++;
    }
    return chosen;
}

/* What is made again of something that is made again needs it then. From the last maker to the first. */
static void hurry_sources(recomputing *r)
{
    for (int32_t i = r->count - 1; i >= 0; i--)
        for (int j = 0; r->candidate[i].again >= 0 && j < RN_OPERANDS; j++) {
            candidate *const source = chosen_source(r, &r->candidate[i], j);

            if (source != NULL && r->candidate[i].first_reader < source->first_reader)
                source->first_reader = r->candidate[i].first_reader;
        }
}

/* ---- rewriting --------------------------------------------------------------------------------------------------- */

static void make_again(recomputing *r, const candidate *c)
{
    rn_operation made = r->tape->operation[c->maker];

    made.has_backward = false;
    for (int j = 0; j < RN_OPERANDS; j++) {
        const candidate *const source = chosen_source(r, c, j);

        if (source != NULL)
            made.operand[j].view = source->again;
    }
    made.operand[RN_Y] = rn_operand_of(c->again, RN_WRITE);
    rn_tape_add(r->tape, &made);
}

/* Writes backward anew behind itself and moves it to where it was. */
static void rewrite_backward(recomputing *r)
{
    rn_tape *const tape = r->tape;
    const int32_t begin = tape->backward, end = tape->operations;

    for (int32_t i = begin; i < end && !tape->failed; i++) {
        rn_operation o = tape->operation[i];

        for (int32_t j = 0; j < r->count; j++) {
            const candidate *const c = &r->candidate[j];

            if (c->again >= 0 && c->first_reader == i)
                make_again(r, c);
            for (int k = 0; c->again >= 0 && k < RN_OPERANDS; k++)
                if (rn_has(&o, k) && o.operand[k].view == c->view)
                    o.operand[k].view = c->again;
        }
        rn_tape_add(tape, &o);
    }
    rn_tape_replace_backward(tape, end);
}

rn_status rn_plan_recompute(rn_plan *plan, int32_t most)
{
    rn_tape *const tape = &plan->tape;
    const rn_allocator *const allocator = &tape->context->allocator;
    recomputing r = { .tape = tape,
                      .candidate = rn_allocate_array(allocator, (size_t)tape->loss + 1, sizeof *r.candidate),
                      .of_buffer = rn_allocate_array(allocator, (size_t)tape->buffers + 1, sizeof *r.of_buffer) };
    candidate **const order = rn_allocate_array(allocator, (size_t)tape->loss + 1, sizeof *order);

    if (r.candidate == NULL || r.of_buffer == NULL || order == NULL) {
        tape->failed = true;
    } else if (tape->training && most > 0) {
        find_candidates(&r);
        plan->recomputed = choose(&r, order, most);
        hurry_sources(&r);
        rewrite_backward(&r);
    }
    rn_release(allocator, order);
    rn_release(allocator, r.of_buffer);
    rn_release(allocator, r.candidate);
    return tape->failed ? rn_fail(&tape->context->message, RN_NO_MEMORY, "no memory for a plan") : RN_OK;
}
