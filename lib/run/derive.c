/* SPDX-License-Identifier: MIT */
/* Losses, the walk backward, and what the rules share. */
#include "run/derive.h"

#include "run/kinds.h"

/* ---- what rules share -------------------------------------------------------------------------------------------- */

int32_t rn_gradient_of(const rn_deriving *d, const rn_operation *forward, int operand)
{
    return d->tape->view[forward->operand[operand].view].gradient;
}

bool rn_wants_gradient(const rn_deriving *d, const rn_operation *forward, int operand)
{
    return rn_has(forward, operand) && d->tape->view[forward->operand[operand].view].wants_gradient;
}

rn_operation rn_backward_operation(const rn_kind *kind, const rn_operation *forward)
{
    rn_operation made = rn_operation_of(kind, forward->layer);

    made.as = forward->as;
    return made;
}

rn_operand rn_gradient_target(rn_deriving *d, const rn_operation *forward, int operand)
{
    const int32_t view = forward->operand[operand].view, begun = d->tape->view[view].gradient;
    int32_t made;

    if (begun >= 0)
        return rn_operand_of(begun, RN_ADD);
    made = rn_tape_view_like(d->tape, view);
    d->tape->view[view].gradient = made;
    return rn_operand_of(made, RN_WRITE);
}

bool rn_hand_on(rn_deriving *d, const rn_operation *forward, int operand, int32_t g, bool shares)
{
    const int32_t view = forward->operand[operand].view, input = d->plan->value[d->plan->input].view;
    rn_operation made = rn_backward_operation(&rn_op_combine, forward);

    /* The input's gradient is the caller's: it has a place of its own. */
    if (shares && d->tape->view[view].gradient < 0 && view != input) {
        d->tape->view[view].gradient = g;
        return true;
    }
    made.operand[RN_X] = rn_operand_of(g, RN_READ);
    made.operand[RN_Y] = rn_gradient_target(d, forward, operand);
    rn_tape_add(d->tape, &made);
    return false;
}

void rn_derive_mask(rn_deriving *d, const rn_operation *forward)
{
    const int32_t g = rn_gradient_of(d, forward, RN_Y);
    rn_operation made = rn_backward_operation(&rn_op_combine, forward);

    if (!forward->relu)
        return;
    made.operand[RN_X] = rn_operand_of(g, RN_READ);
    made.operand[RN_MASK] = rn_operand_of(forward->operand[RN_Y].view, RN_READ);
    made.operand[RN_Y] = rn_operand_of(g, RN_UPDATE);
    rn_tape_add(d->tape, &made);
}

rn_operand rn_parameter_gradient(rn_deriving *d, int32_t parameter)
{
    return rn_plan_trains(d->plan, parameter)
               ? rn_operand_of(rn_tape_parameter(d->tape, RN_IN_GRADIENTS, parameter), RN_ADD)
               : (rn_operand){ 0 };
}

void rn_add_with_gradients(rn_deriving *d, const rn_operation *backward)
{
    static const int gradients[] = { RN_DWEIGHTS, RN_DGAMMA, RN_DBETA };

    rn_tape_add(d->tape, backward);
    for (int i = 0; i < 3 && !d->tape->failed; i++) {
        rn_operation ready = rn_backward_operation(&rn_op_gradient_ready, backward);

        if (!rn_has(backward, gradients[i]))
            continue;
        ready.operand[RN_DWEIGHTS] = (rn_operand){ backward->operand[gradients[i]].view, RN_READ };
        ready.as.ready.parameter = d->tape->buffer[d->tape->view[ready.operand[RN_DWEIGHTS].view].buffer].index;
        ready.as.ready.begin = 0;
        rn_tape_add(d->tape, &ready);
    }
}

/* ---- which views have a gradient --------------------------------------------------------------------------------- */

/* It reads a trained parameter; those of a convolution may have gone into a folded batch norm. */
static bool is_trained(const rn_plan *plan, const rn_operation *o)
{
    const rn_layer *const layer = rn_plan_layer(plan, o->layer);

    for (int i = 0; i < RN_OPERANDS; i++) {
        const rn_buffer *const buffer = &plan->tape.buffer[plan->tape.view[o->operand[i].view].buffer];

        if (rn_has(o, i) && buffer->place == RN_IN_PARAMETERS && rn_plan_trains(plan, buffer->index))
            return true;
    }
    return o->kind == &rn_op_conv && (rn_plan_trains(plan, layer->weight) || rn_plan_trains(plan, layer->bias));
}

/* What an operation writes has a gradient if something that it reads has one, or if it has a trained parameter. */
static void find_wanted(rn_plan *plan)
{
    rn_tape *const tape = &plan->tape;

    if (plan->input_gradient)
        tape->view[plan->value[plan->input].view].wants_gradient = true;
    for (int32_t i = 0; i < tape->operations; i++) {
        const rn_operation *const o = &tape->operation[i];
        bool wanted = is_trained(plan, o);

        for (int j = 0; j < RN_OPERANDS; j++)
            wanted = wanted || (o->operand[j].role == RN_READ && tape->view[o->operand[j].view].wants_gradient);
        for (int j = 0; j < RN_OPERANDS; j++)
            if (o->operand[j].role == RN_WRITE && wanted)
                tape->view[o->operand[j].view].wants_gradient = true;
    }
}

/* ---- the walk ---------------------------------------------------------------------------------------------------- */

static void add_losses(rn_deriving *d)
{
    for (int32_t i = 0; i < d->plan->output_count; i++) {
        const int32_t view = d->plan->value[d->plan->output[i]].view;
        rn_operation loss = rn_operation_of(&rn_op_loss, d->plan->output[i]);
        int32_t gradient;

        if (d->tape->failed || d->tape->view[view].gradient >= 0)
            continue;
        gradient = rn_tape_view_like(d->tape, view); /* which may move the views */
        d->tape->view[view].gradient = gradient;
        loss.operand[RN_Y] = rn_operand_of(view, RN_READ);
        loss.operand[RN_DY] = rn_operand_of(gradient, RN_WRITE);
        rn_tape_add(d->tape, &loss);
    }
}

static void walk_backward(rn_deriving *d)
{
    for (int32_t i = d->tape->loss - 1; i >= 0 && !d->tape->failed; i--) {
        rn_operation *const o = &d->tape->operation[i];

        if (o->kind->derive == NULL || !rn_wants_gradient(d, o, RN_Y) || rn_gradient_of(d, o, RN_Y) < 0)
            continue;
        o->has_backward = true;
        o->kind->derive(d, i);
    }
}

rn_status rn_plan_derive(rn_plan *plan)
{
    rn_deriving d = { plan, &plan->tape };

    plan->tape.loss = plan->tape.backward = plan->tape.operations;
    if (!plan->tape.training)
        return RN_OK;
    find_wanted(plan);
    add_losses(&d);
    plan->tape.backward = plan->tape.operations;
    walk_backward(&d);
    return plan->tape.failed ? rn_fail(&plan->tape.context->message, RN_NO_MEMORY, "no memory for a plan") : RN_OK;
}
