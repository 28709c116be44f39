/* SPDX-License-Identifier: MIT */
/*
 * Maps formed while they are read: what a batch norm and its ReLU make of y need not lie anywhere if the one who wants
 * it is a convolution that reads rows of the map (ops/conv.h). That one forms it in the cache, forward and for the
 * gradient of the weights.
 *
 *   COMBINE y -> z   CONV z ..   CONV_BACKWARD z          CONV y (formed) ..   CONV_BACKWARD y (formed)
 *
 * The expression is the combination's, so that no bit changes; a map is written and read once less, and memory is
 * wanted for y alone.
 */
#include "run/kinds.h"
#include "run/plan.h"

static const rn_view *view_of(const rn_tape *tape, const rn_operation *o, int operand)
{
    return &tape->view[o->operand[operand].view];
}

/* relu(scale x + shift), in a map that is the plan's own. */
static bool makes_form(const rn_tape *tape, const rn_operation *o)
{
    const rn_buffer *const z = &tape->buffer[view_of(tape, o, RN_Y)->buffer];

    return o->kind == &rn_op_combine && o->relu && rn_has(o, RN_SCALE) && rn_has(o, RN_SHIFT) && !rn_has(o, RN_OTHER) &&
           !rn_has(o, RN_BESIDE) && !rn_has(o, RN_MASK) && o->operand[RN_Y].role == RN_WRITE && !z->from_start &&
           !z->to_end;
}

static bool can_form(const rn_operation *o, int operand)
{
    return (o->kind == &rn_op_conv || o->kind == &rn_op_conv_backward) && operand == RN_X &&
           o->operand[operand].role == RN_READ && rn_conv_forms(&o->as.conv);
}

/* The last of the operations that read the maker's map; -1: not all of them can form it, or forward has several. */
static int32_t last_reader(const rn_tape *tape, int32_t maker)
{
    const int32_t z = tape->operation[maker].operand[RN_Y].view;
    int32_t last = -1, forward = 0;

    for (int32_t i = 0; i < tape->operations; i++) {
        const rn_operation *const o = &tape->operation[i];

        for (int j = 0; j < RN_OPERANDS; j++) {
            if (i == maker || !rn_has(o, j) || view_of(tape, o, j)->buffer != tape->view[z].buffer)
                continue;
            if (!can_form(o, j) || o->operand[j].view != z)
                return -1;
            forward += o->kind == &rn_op_conv;
            last = i;
        }
    }
    return forward == 1 ? last : -1;
}

/* A join of a part that lies where it belongs moves nothing. */
static bool changes_nothing(const rn_tape *tape, const rn_operation *o)
{
    const rn_view *const part = view_of(tape, o, RN_X), *const whole = view_of(tape, o, RN_Y);

    return o->kind == &rn_op_join && part->buffer == whole->buffer && part->channel == whole->channel + o->as.channel;
}

/* Nobody writes what the maker read before the last reader has. */
static bool stays(const rn_tape *tape, int32_t maker, int32_t last)
{
    const rn_view *const y = view_of(tape, &tape->operation[maker], RN_X);

    for (int32_t i = maker + 1; i <= last; i++) {
        const rn_operation *const o = &tape->operation[i];

        for (int j = 0; j < RN_OPERANDS && !changes_nothing(tape, o); j++) {
            const rn_view *const v = view_of(tape, o, j);

            if (rn_has(o, j) && o->operand[j].role != RN_READ && v->buffer == y->buffer &&
                v->channel < y->channel + y->channels && y->channel < v->channel + v->channels)
                return false;
        }
    }
    return true;
}

static void form_in_readers(rn_tape *tape, int32_t maker, int32_t last)
{
    rn_operation *const combine = &tape->operation[maker];
    const int32_t z = combine->operand[RN_Y].view;

    for (int32_t i = maker + 1; i <= last; i++) {
        rn_operation *const o = &tape->operation[i];

        if (!rn_has(o, RN_X) || o->operand[RN_X].view != z)
            continue;
        o->operand[RN_X].view = combine->operand[RN_X].view;
        o->operand[RN_FORM_SCALE] = combine->operand[RN_SCALE];
        o->operand[RN_FORM_SHIFT] = combine->operand[RN_SHIFT];
        o->as.conv.is_formed = true;
    }
    combine->kind = NULL;
}

static void remove_formed(rn_tape *tape)
{
    const int32_t loss = tape->loss, backward = tape->backward;
    int32_t kept = 0;

    for (int32_t i = 0; i < tape->operations; i++) {
        if (tape->operation[i].kind != NULL) {
            tape->operation[kept++] = tape->operation[i];
            continue;
        }
        tape->loss -= i < loss;
        tape->backward -= i < backward;
    }
    tape->operations = kept;
}

void rn_plan_form(rn_plan *plan)
{
    rn_tape *const tape = &plan->tape;

    /* Rows of pairs are made of floats that lie in a map. */
    if (tape->failed || (tape->wants_pairs && tape->context->pairs != NULL))
        return;
    for (int32_t i = 0; i < tape->loss; i++) {
        const int32_t last = makes_form(tape, &tape->operation[i]) ? last_reader(tape, i) : -1;

        if (last >= 0 && stays(tape, i, last))
            form_in_readers(tape, i, last);
    }
    remove_formed(tape);
}
