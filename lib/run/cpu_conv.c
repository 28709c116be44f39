/* SPDX-License-Identifier: MIT */
/*
 * Convolutions on the CPU. Weights that are not trained are packed when they change and shared by all sessions; trained
 * ones are packed at every forward into scratch as large as one layer, or, of linear layers, read as they are.
 */
#include "run/cpu.h"

#include "ops/conv.h"
#include "run/tape.h"

static int32_t index_of(const rn_tape *tape, const rn_operation *o, int operand)
{
    return tape->buffer[tape->view[o->operand[operand].view].buffer].index;
}

static bool is_prepared(const rn_tape *tape, const rn_operation *o)
{
    return tape->buffer[tape->view[o->operand[RN_WEIGHTS].view].buffer].place == RN_IN_PREPARED;
}

/* The operation's plan, in memory of the tape. NULL: none is left. */
static rn_conv_plan *make_plan(rn_tape *tape, int32_t operation, bool trains)
{
    const bool portioned = operation < tape->portion_end;
    const rn_conv *const conv = &tape->operation[operation].as.conv;
    rn_conv_plan *const plan = rn_tape_allocate(tape, sizeof *plan);

    if (plan != NULL)
        *plan = rn_conv_plan_for(tape->context, conv, portioned ? tape->portion : tape->batch,
                                 tape->wants_pairs && !(trains && rn_conv_is_linear(conv)));
    tape->operation[operation].planned = plan;
    return plan;
}

/* In whole cache lines, since the workspace follows. */
static size_t packed_bytes(const rn_conv_plan *plan)
{
    size_t nbytes;

    if (!rn_size_multiply(&nbytes, (size_t)plan->packed_count, sizeof(float)) || nbytes > SIZE_MAX - RN_ALIGNMENT)
        return SIZE_MAX;
    return (nbytes + RN_ALIGNMENT - 1) / RN_ALIGNMENT * RN_ALIGNMENT;
}

static void pack(const rn_tape *tape, const rn_product *product, float *data)
{
    rn_conv_pack(tape->context, product->planned,
                 rn_parameters_floats(tape->parameters, (size_t)product->key.source[0]), data);
}

static void prepare_packed(rn_tape *tape, int32_t operation, const rn_conv_plan *plan)
{
    const int32_t weights = index_of(tape, &tape->operation[operation], RN_WEIGHTS);
    const rn_product product = { .key = { .maker = plan->algorithm,
                                          .kernels = rn_conv_layout(tape->context, plan),
                                          .source = { weights, -1, -1, -1, -1, -1 },
                                          .count = (size_t)plan->packed_count },
                                 .make = pack,
                                 .planned = plan };
    const int32_t buffer = rn_tape_outside(tape, RN_IN_PREPARED, rn_tape_product(tape, &product), plan->packed_count);

    tape->operation[operation].operand[RN_WEIGHTS] =
        rn_operand_of(rn_tape_view(tape, buffer, 0, plan->packed_count), RN_READ);
}

size_t rn_cpu_plan_conv(rn_tape *tape, int32_t operation)
{
    const int32_t weights = index_of(tape, &tape->operation[operation], RN_WEIGHTS);
    const bool trains = tape->training && tape->parameters->entry[weights].trainable;
    const rn_conv_plan *const plan = make_plan(tape, operation, trains);
    size_t scratch;

    if (plan == NULL)
        return 0;
    if (plan->packed_count > 0 && !trains)
        prepare_packed(tape, operation, plan);
    return rn_size_add(&scratch, plan->forward_bytes, trains ? packed_bytes(plan) : 0) ? scratch : SIZE_MAX;
}

/* As plans of either direction have it: whether weights are trained matters to linear layers alone, which have none. */
rn_halving rn_cpu_conv_halves(const rn_tape *tape, const rn_operation *o)
{
    const rn_conv_plan plan = rn_conv_plan_for(tape->context, &o->as.conv, tape->batch, tape->wants_pairs);

    return rn_conv_takes_halves(&plan) ? RN_ANY_HALVED : RN_NOT_HALVED;
}

static rn_conv_form form_of(const rn_tape *tape, const rn_operation *o)
{
    return (rn_conv_form){ rn_operand_floats(tape, o, RN_FORM_SCALE), rn_operand_floats(tape, o, RN_FORM_SHIFT) };
}

void rn_cpu_conv(const rn_tape *tape, const rn_operation *o)
{
    const rn_conv_plan *const plan = o->planned;
    const rn_map x = rn_operand_map(tape, o, RN_X), y = rn_operand_map(tape, o, RN_Y),
                 other = rn_operand_map(tape, o, RN_OTHER);
    char *workspace = rn_operand_data(tape, o, RN_SCRATCH);
    const float *weights = rn_operand_floats(tape, o, RN_WEIGHTS);
    const rn_conv_epilogue epilogue = {
        .form = form_of(tape, o),
        .scale = rn_operand_floats(tape, o, RN_SCALE),
        .shift = rn_operand_floats(tape, o, RN_SHIFT),
        .residual = rn_has(o, RN_OTHER) ? &other : NULL,
        .relu = o->relu,
    };

    if (plan->packed_count > 0 && !is_prepared(tape, o)) {
        rn_conv_pack(tape->context, plan, weights, (float *)(void *)workspace);
        weights = (const float *)(const void *)workspace;
        workspace += packed_bytes(plan);
    }
    rn_conv_forward(tape->context, plan, &x, weights, &epilogue, &y, workspace);
}

size_t rn_cpu_plan_conv_backward(rn_tape *tape, int32_t operation)
{
    const rn_conv_plan *const plan = make_plan(tape, operation, false);
    const rn_operation *const o = &tape->operation[operation];
    const size_t data = rn_has(o, RN_DX) && plan != NULL ? plan->data_bytes : 0;
    const size_t weights = rn_has(o, RN_DWEIGHTS) && plan != NULL ? plan->weights_bytes : 0;

    if (o->as.conv.is_joint)
        return weights;
    return data > weights ? data : weights;
}

static void run_joint(const rn_tape *tape, const rn_operation *o)
{
    const rn_map x = rn_operand_map(tape, o, RN_X), g = rn_operand_map(tape, o, RN_DY),
                 y = rn_operand_map(tape, o, RN_BESIDE), dx = rn_operand_map(tape, o, RN_DX);
    const rn_conv_form form = form_of(tape, o);
    rn_conv_joint joint = { .x = &x,
                            .form = o->as.conv.is_formed ? &form : NULL,
                            .g = &g,
                            .y = &y,
                            .k0 = rn_operand_floats(tape, o, RN_SCALE),
                            .k1 = rn_operand_floats(tape, o, RN_BESIDE_SCALE),
                            .k2 = rn_operand_floats(tape, o, RN_SHIFT),
                            .mean = rn_operand_floats(tape, o, RN_MEAN),
                            .weights = rn_operand_floats(tape, o, RN_WEIGHTS),
                            .dx = &dx,
                            .adds_dx = o->operand[RN_DX].role == RN_ADD };

    joint.dw = rn_tape_begin_gradient(tape, o, RN_DWEIGHTS, &joint.adds_dw);
    rn_conv_backward_joint(tape->context, o->planned, &joint, rn_operand_data(tape, o, RN_SCRATCH));
}

static void run_each(const rn_tape *tape, const rn_operation *o)
{
    const rn_map x = rn_operand_map(tape, o, RN_X), dy = rn_operand_map(tape, o, RN_DY),
                 dx = rn_operand_map(tape, o, RN_DX);
    const rn_conv_form form = form_of(tape, o);
    void *const workspace = rn_operand_data(tape, o, RN_SCRATCH);
    bool accumulate;
    float *const dw = rn_tape_begin_gradient(tape, o, RN_DWEIGHTS, &accumulate);

    if (dw != NULL && o->as.conv.is_formed)
        rn_conv_backward_weights_formed(tape->context, o->planned, &x, &form, &dy, dw, accumulate, workspace);
    else if (dw != NULL)
        rn_conv_backward_weights(tape->context, o->planned, &x, &dy, dw, accumulate, workspace);
    if (rn_has(o, RN_DX))
        rn_conv_backward_data(tape->context, o->planned, &dy, rn_operand_floats(tape, o, RN_WEIGHTS), &dx,
                              o->operand[RN_DX].role == RN_ADD, workspace);
}

void rn_cpu_conv_backward(const rn_tape *tape, const rn_operation *o)
{
    if (o->as.conv.is_joint)
        run_joint(tape, o);
    else
        run_each(tape, o);
}
