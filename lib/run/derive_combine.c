/* SPDX-License-Identifier: MIT */
/* The rule of combinations: sums and ReLUs, and batch norms with what follows them (ops/batch_norm.h has the formulas). */
#include "run/derive.h"
#include "run/kinds.h"

/* ---- y = relu?(x [+ other]) ---------------------------------------------------------------------------------------- */

/* One operand's gradient is that of the sum, in the same memory; it is only added to after the other has read it. */
static void derive_sum(rn_deriving *d, const rn_operation *forward)
{
    const int32_t g = rn_gradient_of(d, forward, RN_Y);
    bool shared = false;

    rn_derive_mask(d, forward);
    if (rn_wants_gradient(d, forward, RN_X))
        shared = rn_hand_on(d, forward, RN_X, g, true);
    if (rn_wants_gradient(d, forward, RN_OTHER))
        rn_hand_on(d, forward, RN_OTHER, g, !shared);
}

/* ---- batch norms --------------------------------------------------------------------------------------------------- */

/*
 * True if backward may overwrite x, y = norm(x): nobody reads it but this batch norm, and what made it does not look at
 * it in its own backward, as a convolution without a ReLU.
 */
static bool may_overwrite(const rn_deriving *d, const rn_operation *forward)
{
    const rn_tape *const tape = d->tape;
    const int32_t buffer = tape->view[forward->operand[RN_X].view].buffer;

    if (tape->view[forward->operand[RN_X].view].gradient >= 0)
        return false;
    for (int32_t i = 0; i < tape->loss; i++) {
        const rn_operation *const o = &tape->operation[i];

        for (int j = 0; o->layer != forward->layer && j < RN_OPERANDS; j++) {
            if (o->operand[j].role != RN_ABSENT && tape->view[o->operand[j].view].buffer == buffer &&
                (o->operand[j].role != RN_WRITE || o->kind != &rn_op_conv || o->relu))
                return false;
        }
    }
    return d->plan->value[d->plan->input].view != forward->operand[RN_X].view;
}

/* Where dx is computed: where it belongs, or beside it if that has begun. */
static rn_operand norm_target(rn_deriving *d, const rn_operation *forward)
{
    const int32_t x = forward->operand[RN_X].view, begun = d->tape->view[x].gradient;

    if (begun >= 0)
        return rn_operand_of(rn_view_like(d, begun), RN_WRITE);
    if (forward->norm < 0 && may_overwrite(d, forward)) {
        d->tape->view[x].gradient = x;
        return rn_operand_of(x, RN_UPDATE);
    }
    return rn_gradient_target(d, forward, RN_X);
}

/* Adds what was computed beside. */
static void finish_target(rn_deriving *d, const rn_operation *forward, rn_operand target)
{
    if (target.view != rn_gradient_of(d, forward, RN_X))
        rn_hand_on(d, forward, RN_X, target.view, false);
}

static void derive_running(rn_deriving *d, const rn_operation *forward)
{
    const int32_t g = rn_gradient_of(d, forward, RN_Y);
    rn_operation made = rn_backward_operation(&rn_op_scale, forward);

    if (!rn_wants_gradient(d, forward, RN_X)) {
        rn_derive_mask(d, forward);
        return;
    }
    made.operand[RN_DY] = rn_operand_of(g, RN_UPDATE);
    if (forward->relu)
        made.operand[RN_Y] = rn_operand_of(forward->operand[RN_Y].view, RN_READ);
    made.operand[RN_SCALE] = forward->operand[RN_SCALE];
    made.operand[RN_DX] = norm_target(d, forward);
    rn_tape_add(d->tape, &made);
    finish_target(d, forward, made.operand[RN_DX]);
}

static void derive_batch(rn_deriving *d, const rn_operation *forward)
{
    const rn_layer *const layer = rn_plan_layer(d->plan, forward->layer);
    const int32_t g = rn_gradient_of(d, forward, RN_Y), x = forward->operand[RN_X].view;
    rn_operation sums = rn_backward_operation(&rn_op_norm_sums, forward);
    rn_operation made = rn_backward_operation(&rn_op_norm_backward, forward);

    sums.operand[RN_DY] = rn_operand_of(g, RN_UPDATE);
    if (forward->relu)
        sums.operand[RN_Y] = rn_operand_of(forward->operand[RN_Y].view, RN_READ);
    sums.operand[RN_X] = rn_operand_of(x, RN_READ);
    sums.operand[RN_MEAN] = rn_operand_of(forward->mean, RN_READ);
    sums.operand[RN_INVERSE] = rn_operand_of(forward->inverse, RN_READ);
    sums.operand[RN_GAMMA] = rn_operand_of(rn_tape_parameter(d->tape, RN_IN_PARAMETERS, layer->weight), RN_READ);
    sums.operand[RN_SLOPES] = rn_operand_of(rn_tape_vector(d->tape, 3 * d->tape->view[x].channels), RN_WRITE);
    sums.operand[RN_DGAMMA] = rn_parameter_gradient(d, layer->weight);
    sums.operand[RN_DBETA] = rn_parameter_gradient(d, layer->bias);
    rn_add_with_gradients(d, &sums);
    if (!rn_wants_gradient(d, forward, RN_X))
        return;
    made.operand[RN_DY] = rn_operand_of(g, RN_READ);
    made.operand[RN_X] = rn_operand_of(x, RN_READ);
    made.operand[RN_MEAN] = rn_operand_of(forward->mean, RN_READ);
    made.operand[RN_SLOPES] = rn_operand_of(sums.operand[RN_SLOPES].view, RN_READ);
    made.operand[RN_DX] = norm_target(d, forward);
    rn_tape_add(d->tape, &made);
    finish_target(d, forward, made.operand[RN_DX]);
}

void rn_derive_combine(rn_deriving *d, int32_t operation)
{
    const rn_operation forward = d->tape->operation[operation];

    if (!rn_has(&forward, RN_SCALE)) {
        derive_sum(d, &forward);
        return;
    }
    if (forward.norm >= 0)
        derive_running(d, &forward);
    else
        derive_batch(d, &forward);
    if (rn_wants_gradient(d, &forward, RN_OTHER))
        rn_hand_on(d, &forward, RN_OTHER, rn_gradient_of(d, &forward, RN_Y), true);
}
