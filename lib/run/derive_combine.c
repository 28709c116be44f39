/* SPDX-License-Identifier: MIT */
/* The rule of combinations: sums and ReLUs, and batch norms with what follows them (ops/batch_norm.h has the
 * formulas). */
#include "run/derive.h"
#include "run/kinds.h"

/* ---- y = relu?(x [+ other]) -------------------------------------------------------------------------------------- */

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

/* ---- batch norms ------------------------------------------------------------------------------------------------- */

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

/* Where dx goes: over x where that may be, else written or added to a map of its own. */
static rn_operand norm_target(rn_deriving *d, const rn_operation *forward)
{
    const int32_t x = forward->operand[RN_X].view;

    if (!may_overwrite(d, forward))
        return rn_gradient_target(d, forward, RN_X);
    d->tape->view[x].gradient = x;
    return rn_operand_of(x, RN_UPDATE);
}

/* dx = scale g behind the ReLU's mask. The other operand's gradient is g masked: that is made first, in place. */
static void derive_running(rn_deriving *d, const rn_operation *forward)
{
    const bool shares = rn_wants_gradient(d, forward, RN_OTHER);
    rn_operation made = rn_backward_operation(&rn_op_combine, forward);

    if (shares)
        rn_derive_mask(d, forward);
    if (!rn_wants_gradient(d, forward, RN_X))
        return;
    made.operand[RN_X] = rn_operand_of(rn_gradient_of(d, forward, RN_Y), RN_READ);
    if (forward->relu && !shares)
        made.operand[RN_MASK] = rn_operand_of(forward->operand[RN_Y].view, RN_READ);
    made.operand[RN_SCALE] = forward->operand[RN_SCALE];
    made.operand[RN_Y] = rn_gradient_target(d, forward, RN_X);
    rn_tape_add(d->tape, &made);
}

/* k0, k1 or k2. */
static rn_operand slope(rn_deriving *d, const rn_operation *sums, int64_t index, int64_t channels)
{
    const int32_t buffer = d->tape->view[sums->operand[RN_SLOPES].view].buffer;

    return rn_operand_of(rn_tape_view(d->tape, buffer, index * channels, channels), RN_READ);
}

/* dx = k0 g + (k1 (x - mean) + k2) */
static void derive_norm_gradient(rn_deriving *d, const rn_operation *forward, const rn_operation *sums)
{
    const int64_t channels = d->tape->view[forward->operand[RN_X].view].channels;
    rn_operation made = rn_backward_operation(&rn_op_combine, forward);

    if (d->tape->failed || !rn_wants_gradient(d, forward, RN_X))
        return;
    made.operand[RN_X] = rn_operand_of(sums->operand[RN_DY].view, RN_READ);
    made.operand[RN_SCALE] = slope(d, sums, 0, channels);
    made.operand[RN_BESIDE] = forward->operand[RN_X];
    made.operand[RN_BESIDE_SCALE] = slope(d, sums, 1, channels);
    made.operand[RN_MEAN] = rn_operand_of(forward->mean, RN_READ);
    made.operand[RN_SHIFT] = slope(d, sums, 2, channels);
    made.operand[RN_Y] = norm_target(d, forward);
    rn_tape_add(d->tape, &made);
}

static void derive_batch(rn_deriving *d, const rn_operation *forward)
{
    const rn_layer *const layer = rn_plan_layer(d->plan, forward->layer);
    const int32_t g = rn_gradient_of(d, forward, RN_Y), x = forward->operand[RN_X].view;
    rn_operation sums = rn_backward_operation(&rn_op_norm_sums, forward);

    sums.operand[RN_DY] = rn_operand_of(g, forward->relu ? RN_UPDATE : RN_READ);
    if (forward->relu && rn_has(forward, RN_OTHER)) {
        sums.operand[RN_Y] = rn_operand_of(forward->operand[RN_Y].view, RN_READ);
    } else if (forward->relu) { /* made again of x, which is read in any case */
        sums.operand[RN_SCALE] = forward->operand[RN_SCALE];
        sums.operand[RN_SHIFT] = forward->operand[RN_SHIFT];
    }
    sums.operand[RN_X] = rn_operand_of(x, RN_READ);
    sums.operand[RN_MEAN] = rn_operand_of(forward->mean, RN_READ);
    sums.operand[RN_INVERSE] = rn_operand_of(forward->inverse, RN_READ);
    sums.operand[RN_GAMMA] = rn_operand_of(rn_tape_parameter(d->tape, RN_IN_PARAMETERS, layer->weight), RN_READ);
    sums.operand[RN_SLOPES] = rn_operand_of(rn_tape_vector(d->tape, 3 * d->tape->view[x].channels), RN_WRITE);
    sums.operand[RN_DGAMMA] = rn_parameter_gradient(d, layer->weight);
    sums.operand[RN_DBETA] = rn_parameter_gradient(d, layer->bias);
    rn_add_with_gradients(d, &sums);
    derive_norm_gradient(d, forward, &sums);
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
