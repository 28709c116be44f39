/* SPDX-License-Identifier: MIT */
/*
 * Maps of halves: where operands of products are rounded to bfloat16, the activations that are kept for backward are
 * stored as that, too, and so are gradients, as in PyTorch's autocast. Half as much is kept, half as much read and
 * written, and rows of such a map are what products read. What is computed stays float32: sums, statistics, parameters,
 * logits and losses. Inference, and what is frozen, keeps float32 maps: nothing of them is kept, and little would be
 * gained.
 *
 * It is a property of buffers, and no operation is moved: every buffer of maps that is trained through is of halves
 * unless an operation cannot take it (the backend says which, rn_halving), somebody outside looks at it, its pixels are
 * single (linear layers), or channels of its views do not come in pairs. Operations whose maps are of one kind bind
 * buffers to each other, so that the answer is found by striking out until nothing changes.
 */
#include "run/backend.h"
#include "run/plan.h"

/* The buffer of an operand, if it is one of maps; else NULL. */
static rn_buffer *map_of(const rn_tape *tape, const rn_operation *o, int operand)
{
    rn_buffer *const buffer = &tape->buffer[tape->view[o->operand[operand].view].buffer];

    return rn_has(o, operand) && buffer->of_images && buffer->element >= RN_HALF ? buffer : NULL;
}

static bool may_be_halved(const rn_buffer *buffer)
{
    return buffer->place == RN_IN_ARENA && buffer->of_images && buffer->element == sizeof(float) &&
           !buffer->from_start && !buffer->to_end && buffer->h * buffer->w > 1;
}

static bool is_of_pairs(const rn_tape *tape, int32_t view)
{
    const rn_view *const v = &tape->view[view];

    return v->channel % 2 == 0 && v->channels % 2 == 0 && tape->buffer[v->buffer].c % 2 == 0;
}

/* Makes maps [from, to] of the operation's operands floats, and says whether one was of halves. */
static bool strike(const rn_tape *tape, const rn_operation *o, int from, int to)
{
    bool struck = false;

    for (int j = from; j <= to; j++) {
        rn_buffer *const buffer = map_of(tape, o, j);

        if (buffer != NULL && buffer->element == RN_HALF) {
            buffer->element = sizeof(float);
            struck = true;
        }
    }
    return struck;
}

/* The same if one of them is of floats. */
static bool make_alike(const rn_tape *tape, const rn_operation *o, int from, int to)
{
    for (int j = from; j <= to; j++) {
        const rn_buffer *const buffer = map_of(tape, o, j);

        if (buffer != NULL && buffer->element != RN_HALF)
            return strike(tape, o, from, to);
    }
    return false;
}

static bool settle(const rn_tape *tape, const rn_operation *o, const rn_backend_row *row)
{
    switch (row == NULL || row->halves == NULL ? RN_NOT_HALVED : row->halves(tape, o)) {
    case RN_X_HALVED: return strike(tape, o, RN_Y, RN_DY);
    case RN_ALL_HALVED: return make_alike(tape, o, 0, RN_OPERANDS - 1);
    case RN_ANY_HALVED: return make_alike(tape, o, RN_OTHER, RN_Y);
    case RN_NOT_HALVED: break;
    }
    return strike(tape, o, 0, RN_OPERANDS - 1);
}

/* What operations read and write that backward has to do with. */
static void propose(const rn_tape *tape)
{
    for (int32_t i = 0; i < tape->operations; i++)
        for (int j = 0; j < RN_OPERANDS && (i >= tape->backward || tape->operation[i].has_backward); j++) {
            rn_buffer *const buffer = map_of(tape, &tape->operation[i], j);

            if (buffer != NULL && may_be_halved(buffer))
                buffer->element = RN_HALF;
        }
}

void rn_plan_halve(rn_plan *plan, const rn_backend *backend)
{
    rn_tape *const tape = &plan->tape;
    bool changes = true;

    if (tape->failed || !tape->wants_pairs || tape->context->pairs == NULL)
        return;
    propose(tape);
    for (int32_t i = 0; i < tape->views; i++)
        if (tape->buffer[tape->view[i].buffer].element == RN_HALF && !is_of_pairs(tape, i))
            tape->buffer[tape->view[i].buffer].element = sizeof(float);
    while (changes) {
        changes = false;
        for (int32_t i = 0; i < tape->operations; i++)
            changes |= settle(tape, &tape->operation[i], rn_backend_row_for(backend, tape->operation[i].kind));
    }
}
