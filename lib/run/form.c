/* SPDX-License-Identifier: MIT */
/*
 * Maps formed while they are read: what a batch norm and its ReLU make of y need not lie anywhere if the one who wants
 * it is a convolution that reads rows of the map (ops/conv.h). That one forms it in the cache, forward and for the
 * gradient of the weights.
 *
 *   COMBINE y -> z   CONV z ..   CONV_BACKWARD z          CONV y (formed) ..   CONV_BACKWARD y (formed)
 *
 * In backward the gradient behind a batch norm, k0 g + (k1 (y - mean) + k2), is formed likewise if one convolution
 * reads it, once for both of its gradients:
 *
 *   COMBINE g, y -> y   CONV_BACKWARD y -> dw, dx          CONV_BACKWARD g, y -> dw, dx (joint)
 *
 * The expressions are the combinations', so that no bit changes; a map is written and read once less, and memory is
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

/* ---- gradients behind batch norms -------------------------------------------------------------------------------- */

static bool makes_gradient(const rn_tape *tape, const rn_operation *o)
{
    const rn_role role = o->operand[RN_Y].role;

    return o->kind == &rn_op_combine && rn_has(o, RN_BESIDE) && rn_has(o, RN_SCALE) && !o->relu &&
           !rn_has(o, RN_OTHER) && !rn_has(o, RN_MASK) && (role == RN_UPDATE || role == RN_WRITE) &&
           !tape->buffer[view_of(tape, o, RN_Y)->buffer].to_end;
}

/* The buffer is an operand of the operation that is not only read (or, if `any`, an operand at all). */
static bool meets(const rn_tape *tape, const rn_operation *o, int32_t buffer, bool any)
{
    for (int j = 0; j < RN_OPERANDS; j++)
        if (rn_has(o, j) && view_of(tape, o, j)->buffer == buffer && (any || o->operand[j].role != RN_READ))
            return true;
    return false;
}

static bool can_join(const rn_tape *tape, const rn_operation *o)
{
    return o->kind == &rn_op_conv_backward && rn_has(o, RN_DWEIGHTS) && rn_has(o, RN_DX) &&
           rn_conv_joins(tape->context, &o->as.conv, tape->batch);
}

/* The one operation that meets the gradient behind its maker, if it can form it of what is still there; -1: none. */
static int32_t joint_reader(const rn_tape *tape, int32_t maker)
{
    const rn_operation *const combine = &tape->operation[maker];
    const int32_t dy = combine->operand[RN_Y].view, buffer = tape->view[dy].buffer,
                  g = view_of(tape, combine, RN_X)->buffer, y = view_of(tape, combine, RN_BESIDE)->buffer;
    int32_t reader = -1;

    for (int32_t i = maker + 1; i < tape->operations; i++) {
        const rn_operation *const o = &tape->operation[i];

        if (reader < 0 && (meets(tape, o, g, false) || (y != buffer && meets(tape, o, y, false))))
            return -1;
        if (!meets(tape, o, buffer, true))
            continue;
        if (reader >= 0 || !can_join(tape, o) || o->operand[RN_DY].view != dy || meets(tape, o, buffer, false))
            return -1;
        reader = i;
    }
    return reader;
}

static void join_in_reader(rn_tape *tape, int32_t maker, int32_t reader)
{
    static const int operands[] = { RN_BESIDE, RN_SCALE, RN_BESIDE_SCALE, RN_MEAN, RN_SHIFT };
    rn_operation *const combine = &tape->operation[maker], *const o = &tape->operation[reader];

    o->operand[RN_DY] = combine->operand[RN_X];
    for (size_t i = 0; i < sizeof operands / sizeof *operands; i++)
        o->operand[operands[i]] = combine->operand[operands[i]];
    o->as.conv.is_joint = true;
    combine->kind = NULL;
}

/* ---- both -------------------------------------------------------------------------------------------------------- */

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
    for (int32_t i = tape->backward; i < tape->operations; i++) {
        const int32_t reader = makes_gradient(tape, &tape->operation[i]) ? joint_reader(tape, i) : -1;

        if (reader >= 0)
            join_in_reader(tape, i, reader);
    }
    remove_formed(tape);
}
