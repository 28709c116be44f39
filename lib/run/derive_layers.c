/* SPDX-License-Identifier: MIT */
/* The rules of convolutions, pools, concatenations and layers that move elements. */
#include "run/derive.h"
#include "run/kinds.h"

/* ---- convolution: y = relu?(conv(x) scale + shift + other) ------------------------------------------------------- */

/*
 * The gradient of the convolution's own output: g behind the ReLU's mask, times the scale of a folded batch norm. In
 * the place of g, unless the other operand needs what is there: then it is masked first, and scaled elsewhere.
 */
static int32_t conv_gradient(rn_deriving *d, const rn_operation *forward, int32_t g)
{
    const bool shares = rn_wants_gradient(d, forward, RN_OTHER);
    rn_operation made = rn_backward_operation(&rn_op_combine, forward);
    int32_t dy = g;

    if (forward->norm < 0 || shares)
        rn_derive_mask(d, forward);
    if (forward->norm < 0)
        return g;
    if (shares)
        dy = rn_tape_view_like(d->tape, g);
    else if (forward->relu)
        made.operand[RN_MASK] = rn_operand_of(forward->operand[RN_Y].view, RN_READ);
    made.operand[RN_X] = rn_operand_of(g, RN_READ);
    made.operand[RN_SCALE] = forward->operand[RN_SCALE];
    made.operand[RN_Y] = rn_operand_of(dy, shares ? RN_WRITE : RN_UPDATE);
    rn_tape_add(d->tape, &made);
    return dy;
}

static void derive_bias(rn_deriving *d, const rn_operation *forward, int32_t bias, int32_t dy)
{
    rn_operation made = rn_backward_operation(&rn_op_channel_sums, forward);

    if (!rn_plan_trains(d->plan, bias))
        return;
    made.operand[RN_DY] = rn_operand_of(dy, RN_READ);
    made.operand[RN_DBETA] = rn_parameter_gradient(d, bias);
    rn_add_with_gradients(d, &made);
}

void rn_derive_conv(rn_deriving *d, int32_t operation)
{
    const rn_operation forward = d->tape->operation[operation];
    const rn_layer *const layer = rn_plan_layer(d->plan, forward.layer);
    const int32_t g = rn_gradient_of(d, &forward, RN_Y);
    rn_operation made = rn_backward_operation(&rn_op_conv_backward, &forward);
    int32_t dy;

    dy = conv_gradient(d, &forward, g);
    derive_bias(d, &forward, layer->bias, dy);
    made.operand[RN_DY] = rn_operand_of(dy, RN_READ);
    made.operand[RN_DWEIGHTS] = rn_parameter_gradient(d, layer->weight);
    if (rn_has(&made, RN_DWEIGHTS))
        made.operand[RN_X] = forward.operand[RN_X];
    if (rn_wants_gradient(d, &forward, RN_X)) {
        made.operand[RN_WEIGHTS] = forward.operand[RN_WEIGHTS];
        made.operand[RN_DX] = rn_gradient_target(d, &forward, RN_X);
    }
    if (rn_has(&made, RN_DWEIGHTS) || rn_has(&made, RN_DX))
        rn_add_with_gradients(d, &made);
    if (rn_wants_gradient(d, &forward, RN_OTHER))
        rn_hand_on(d, &forward, RN_OTHER, g, true);
}

/* ---- one operation forward, one backward ------------------------------------------------------------------------- */

/* DX of DY and whatever of the forward operation's operands the derivative needs. */
static void derive_plain(rn_deriving *d, int32_t operation, const rn_kind *kind, int needed)
{
    const rn_operation forward = d->tape->operation[operation];
    rn_operation made = rn_backward_operation(kind, &forward);

    if (!rn_wants_gradient(d, &forward, RN_X))
        return;
    made.operand[RN_DY] = rn_operand_of(rn_gradient_of(d, &forward, RN_Y), RN_READ);
    if (needed != RN_DY)
        made.operand[needed] = (rn_operand){ forward.operand[needed].view, RN_READ };
    made.operand[RN_DX] = rn_gradient_target(d, &forward, RN_X);
    rn_tape_add(d->tape, &made);
}

void rn_derive_avg_pool(rn_deriving *d, int32_t operation)
{
    derive_plain(d, operation, &rn_op_avg_pool_backward, RN_DY);
}

void rn_derive_adaptive_avg_pool(rn_deriving *d, int32_t operation)
{
    derive_plain(d, operation, &rn_op_adaptive_avg_pool_backward, RN_DY);
}

void rn_derive_flatten(rn_deriving *d, int32_t operation)
{
    derive_plain(d, operation, &rn_op_flatten_backward, RN_DY);
}

void rn_derive_shortcut_a(rn_deriving *d, int32_t operation)
{
    derive_plain(d, operation, &rn_op_shortcut_a_backward, RN_DY);
}

void rn_derive_log_softmax(rn_deriving *d, int32_t operation)
{
    derive_plain(d, operation, &rn_op_log_softmax_backward, RN_Y);
}

/* The forward operation is to remember where its maxima were. */
void rn_derive_max_pool(rn_deriving *d, int32_t operation)
{
    const int32_t y = d->tape->operation[operation].operand[RN_Y].view;
    const rn_buffer of_y = d->tape->buffer[d->tape->view[y].buffer];
    const int64_t channels = d->tape->view[y].channels;
    const int32_t buffer = rn_tape_images(d->tape, of_y.h, of_y.w, channels);

    if (buffer < 0)
        return;
    d->tape->buffer[buffer].element = 1;
    d->tape->operation[operation].operand[RN_ARGMAX] =
        rn_operand_of(rn_tape_view(d->tape, buffer, 0, channels), RN_WRITE);
    derive_plain(d, operation, &rn_op_max_pool_backward, RN_ARGMAX);
}

/* The same draw on the gradient; in place first where it is to be added. */
void rn_derive_dropout(rn_deriving *d, int32_t operation)
{
    const rn_operation forward = d->tape->operation[operation];
    const int32_t g = rn_gradient_of(d, &forward, RN_Y);
    rn_operation made = rn_backward_operation(&rn_op_dropout, &forward);

    if (!rn_wants_gradient(d, &forward, RN_X))
        return;
    made.operand[RN_X] = rn_operand_of(g, RN_READ);
    if (d->tape->view[forward.operand[RN_X].view].gradient < 0) {
        made.operand[RN_Y] = rn_gradient_target(d, &forward, RN_X);
        rn_tape_add(d->tape, &made);
        return;
    }
    made.operand[RN_Y] = rn_operand_of(g, RN_UPDATE);
    rn_tape_add(d->tape, &made);
    rn_hand_on(d, &forward, RN_X, g, false);
}

/* ---- a part of a concatenation ----------------------------------------------------------------------------------- */

/*
 * Where the concatenation is a part's last reader, backward has finished the whole's gradient, nobody reads it any more
 * but through its slices, and earlier readers of the part add to its slice: the chain of a dense block has one
 * gradient.
 */
void rn_derive_join(rn_deriving *d, int32_t operation)
{
    const rn_operation forward = d->tape->operation[operation];
    const rn_view whole = d->tape->view[rn_gradient_of(d, &forward, RN_Y)];
    const rn_view *const part = &d->tape->view[forward.operand[RN_X].view];
    const rn_view *const y = &d->tape->view[forward.operand[RN_Y].view];
    const bool lies_there = part->buffer == y->buffer && part->channel == y->channel + forward.as.channel;
    const int64_t channels = part->channels;

    if (rn_wants_gradient(d, &forward, RN_X))
        rn_hand_on(d, &forward, RN_X, rn_tape_view(d->tape, whole.buffer, whole.channel + forward.as.channel, channels),
                   lies_there);
}
