/* SPDX-License-Identifier: MIT */
/*
 * Gradients that die at the step: where backward makes the step of an optimizer (rn_session_step_in_backward), the
 * gradient of a parameter that it covers is a buffer of the arena, which lives from the operation that makes it to the
 * news that it is ready. K. Lv et al., "Full Parameter Fine-tuning for Large Language Models with Limited Resources",
 * 2023.
 *
 * The weights of a linear layer may be more than all else: their gradient is made and used up some rows at a time, and
 * what reads the weights comes first.
 *
 *   CONV_BACKWARD x, dy, w -> dx, dw   READY dw
 *   CONV_BACKWARD dy, w -> dx   CONV_BACKWARD x, dy[0, r) -> p   READY p   CONV_BACKWARD x, dy[r, 2 r) -> p   READY p
 *
 * A gradient stays in the store if its parameter is read again after it is ready, or if several operations make it.
 */
#include "run/kinds.h"
#include "run/plan.h"

#include "optim/optimizer.h"

/* Floats of a piece, and up to twice as many of the last. Rows by 16, so that an update's vectors are as whole as in
 * one piece; and half a million floats are so many that the sums over a batch have as few chunks (rn_weight_chunks). */
enum { PIECE = 1 << 20, ROWS = 16 };

/* What backward does with a parameter. */
typedef struct use {
    int32_t makers, ready, last_read; /* operations: how many, and which; -1: none */
} use;

typedef struct rewriting {
    rn_tape *tape;
    const rn_optimizer *optimizer;
    use *use; /* by parameter */
} rewriting;

static void look_at_operand(rewriting *r, int32_t index, int operand)
{
    const rn_operation *const o = &r->tape->operation[index];
    const rn_buffer *const buffer = &r->tape->buffer[r->tape->view[o->operand[operand].view].buffer];

    if (buffer->place == RN_IN_PARAMETERS)
        r->use[buffer->index].last_read = index;
    else if (buffer->place == RN_IN_GRADIENTS && o->kind == &rn_op_gradient_ready)
        r->use[buffer->index].ready = index;
    else if (buffer->place == RN_IN_GRADIENTS)
        r->use[buffer->index].makers++;
}

static void find_uses(rewriting *r)
{
    for (size_t i = 0; i < r->tape->parameters->count; i++)
        r->use[i] = (use){ 0, -1, -1 };
    for (int32_t i = r->tape->backward; i < r->tape->operations; i++)
        for (int j = 0; j < RN_OPERANDS; j++)
            if (rn_has(&r->tape->operation[i], j))
                look_at_operand(r, i, j);
}

static bool dies(const rewriting *r, int32_t parameter)
{
    const use *const u = &r->use[parameter];

    return rn_optimizer_covers(r->optimizer, (size_t)parameter) && u->makers == 1 && u->ready > u->last_read;
}

/* The parameter whose gradient, of a linear layer, is made in pieces; -1: none. */
static int32_t parameter_in_pieces(const rewriting *r, const rn_operation *o)
{
    const rn_conv *const conv = &o->as.conv;
    int32_t parameter;

    if (o->kind != &rn_op_conv_backward || !rn_has(o, RN_DWEIGHTS) || !rn_optimizer_takes_parts(r->optimizer) ||
        conv->in_h * conv->in_w * conv->out_h * conv->out_w != 1 || conv->kernel_h * conv->kernel_w != 1 ||
        conv->groups != 1 || conv->in_c * conv->out_c <= 2 * PIECE || conv->in_c > PIECE / ROWS)
        return -1;
    parameter = r->tape->buffer[r->tape->view[o->operand[RN_DWEIGHTS].view].buffer].index;
    return dies(r, parameter) ? parameter : -1;
}

/* Rows [row, row + rows) of the gradient, into the piece, and the news of them. */
static void add_piece(rewriting *r, const rn_operation *whole, int32_t parameter, int32_t piece, int64_t row,
                      int64_t rows)
{
    rn_tape *const tape = r->tape;
    const rn_view dy = tape->view[whole->operand[RN_DY].view];
    rn_operation made = *whole, ready = rn_operation_of(&rn_op_gradient_ready, whole->layer);

    made.as.conv.out_c = rows;
    made.operand[RN_WEIGHTS] = made.operand[RN_DX] = (rn_operand){ 0 };
    made.operand[RN_DY].view = rn_tape_view(tape, dy.buffer, dy.channel + row, rows);
    made.operand[RN_DWEIGHTS] = rn_operand_of(rn_tape_view(tape, piece, 0, rows * made.as.conv.in_c), RN_WRITE);
    ready.operand[RN_DWEIGHTS] = (rn_operand){ made.operand[RN_DWEIGHTS].view, RN_READ };
    ready.as.ready.parameter = parameter;
    ready.as.ready.begin = row * made.as.conv.in_c;
    rn_tape_add(tape, &made);
    rn_tape_add(tape, &ready);
}

static void add_in_pieces(rewriting *r, const rn_operation *whole, int32_t parameter)
{
    const int64_t in = whole->as.conv.in_c, out = whole->as.conv.out_c, rows = PIECE / in / ROWS * ROWS;
    const int32_t piece = rn_tape_numbers(r->tape, 2 * rows * in, sizeof(float));
    rn_operation data = *whole;
    int64_t row = 0;

    data.operand[RN_X] = data.operand[RN_DWEIGHTS] = (rn_operand){ 0 };
    if (rn_has(&data, RN_DX))
        rn_tape_add(r->tape, &data);
    for (; out - row >= 2 * rows && !r->tape->failed; row += rows)
        add_piece(r, whole, parameter, piece, row, rows);
    add_piece(r, whole, parameter, piece, row, out - row);
    r->use[parameter].ready = -1; /* the news of the whole is none any more */
}

static void rewrite_backward(rewriting *r)
{
    rn_tape *const tape = r->tape;
    const int32_t end = tape->operations;

    for (int32_t i = tape->backward; i < end && !tape->failed; i++) {
        const rn_operation o = tape->operation[i];
        const int32_t in_pieces = parameter_in_pieces(r, &o);

        if (in_pieces >= 0) {
            add_in_pieces(r, &o, in_pieces);
            continue;
        }
        if (o.kind == &rn_op_gradient_ready && r->use[o.as.ready.parameter].ready < 0)
            continue;
        if (o.kind == &rn_op_gradient_ready && dies(r, o.as.ready.parameter))
            tape->buffer[tape->view[o.operand[RN_DWEIGHTS].view].buffer].place = RN_IN_ARENA;
        rn_tape_add(tape, &o);
    }
    rn_tape_replace_backward(tape, end);
}

rn_status rn_plan_let_gradients_die(rn_plan *plan, const rn_optimizer *optimizer)
{
    rn_tape *const tape = &plan->tape;
    const rn_allocator *const allocator = &tape->context->allocator;
    rewriting r = { tape, optimizer, NULL };

    if (optimizer == NULL)
        return RN_OK;
    r.use = rn_allocate_array(allocator, tape->parameters->count + 1, sizeof *r.use);
    if (r.use == NULL) {
        tape->failed = true;
    } else {
        find_uses(&r);
        rewrite_backward(&r);
    }
    rn_release(allocator, r.use);
    return tape->failed ? rn_fail(&tape->context->message, RN_NO_MEMORY, "no memory for a plan") : RN_OK;
}
