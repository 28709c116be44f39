/* SPDX-License-Identifier: MIT */
/*
 * Convolutions on the CPU. Weights that are not trained are packed when they change and shared by all sessions; trained
 * ones are packed at every forward into scratch as large as one layer.
 */
#include "run/cpu.h"

#include "ops/conv.h"
#include "run/tape.h"

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

static int32_t index_of(const rn_tape *tape, const rn_operation *o, int operand)
{
    return tape->buffer[tape->view[o->operand[operand].view].buffer].index;
}

static bool is_prepared(const rn_tape *tape, const rn_operation *o)
{
    return tape->buffer[tape->view[o->operand[RN_WEIGHTS].view].buffer].place == RN_IN_PREPARED;
}

static size_t packed_bytes(const rn_tape *tape, const rn_conv *conv)
{
    size_t nbytes;

    return rn_size_multiply(&nbytes, (size_t)rn_conv_packed_count(tape->context, conv), sizeof(float)) ? nbytes
                                                                                                       : SIZE_MAX;
}

static void pack(const rn_tape *tape, const rn_product *product, float *data)
{
    rn_conv_pack(tape->context, &product->conv, rn_parameters_floats(tape->parameters, (size_t)product->key.source[0]),
                 data);
}

static void prepare_packed(rn_tape *tape, int32_t operation)
{
    static const char maker; /* its address is the rule's name */
    const rn_conv conv = tape->operation[operation].as.conv;
    const int64_t count = rn_conv_packed_count(tape->context, &conv);
    const int32_t weights = index_of(tape, &tape->operation[operation], RN_WEIGHTS);
    const rn_product product = { .key = { .maker = &maker,
                                          .kernels = tape->context->kernels,
                                          .source = { weights, -1, -1, -1, -1, -1 },
                                          .count = (size_t)count },
                                 .make = pack,
                                 .conv = conv };
    const int32_t buffer = rn_tape_outside(tape, RN_IN_PREPARED, rn_tape_product(tape, &product), count);

    tape->operation[operation].operand[RN_WEIGHTS] = rn_operand_of(rn_tape_view(tape, buffer, 0, count), RN_READ);
}

/* For all numbers of images that it is run on: a workspace need not grow with them. */
static size_t forward_workspace(const rn_tape *tape, int32_t operation)
{
    const rn_conv *const conv = &tape->operation[operation].as.conv;
    const bool portioned = operation < tape->portion_end;
    const int64_t rest = portioned ? tape->batch % tape->portion : 0;
    size_t nbytes = rn_conv_forward_workspace(tape->context, conv, portioned ? tape->portion : tape->batch);

    if (rest > 0)
        nbytes = larger(nbytes, rn_conv_forward_workspace(tape->context, conv, rest));
    return nbytes;
}

size_t rn_cpu_plan_conv(rn_tape *tape, int32_t operation)
{
    const rn_operation *const o = &tape->operation[operation];
    const bool trains = tape->training && tape->parameters->entry[index_of(tape, o, RN_WEIGHTS)].trainable;
    size_t scratch = forward_workspace(tape, operation);

    if (rn_conv_is_linear(&o->as.conv))
        return scratch;
    if (!trains)
        prepare_packed(tape, operation);
    else if (!rn_size_add(&scratch, scratch, packed_bytes(tape, &o->as.conv)))
        return SIZE_MAX;
    return scratch;
}

void rn_cpu_conv(const rn_tape *tape, const rn_operation *o)
{
    const rn_map x = rn_operand_map(tape, o, RN_X), y = rn_operand_map(tape, o, RN_Y),
                 other = rn_operand_map(tape, o, RN_OTHER);
    char *workspace = rn_operand_data(tape, o, RN_SCRATCH);
    const float *weights = rn_operand_floats(tape, o, RN_WEIGHTS);
    const rn_conv_epilogue epilogue = {
        .scale = rn_operand_floats(tape, o, RN_SCALE),
        .shift = rn_operand_floats(tape, o, RN_SHIFT),
        .residual = rn_has(o, RN_OTHER) ? &other : NULL,
        .relu = o->relu,
    };

    if (!rn_conv_is_linear(&o->as.conv) && !is_prepared(tape, o)) {
        rn_conv_pack(tape->context, &o->as.conv, weights, (float *)(void *)workspace);
        weights = (const float *)(const void *)workspace;
        workspace += packed_bytes(tape, &o->as.conv);
    }
    rn_conv_forward(tape->context, &o->as.conv, &x, weights, &epilogue, &y, workspace);
}

size_t rn_cpu_plan_conv_backward(rn_tape *tape, int32_t operation)
{
    const rn_operation *const o = &tape->operation[operation];
    size_t scratch = 0;

    if (rn_has(o, RN_DX))
        scratch = rn_conv_backward_data_workspace(tape->context, &o->as.conv, tape->batch);
    if (rn_has(o, RN_DWEIGHTS))
        scratch = larger(scratch, rn_conv_backward_weights_workspace(tape->context, &o->as.conv, tape->batch));
    return scratch;
}

void rn_cpu_conv_backward(const rn_tape *tape, const rn_operation *o)
{
    const rn_map x = rn_operand_map(tape, o, RN_X), dy = rn_operand_map(tape, o, RN_DY),
                 dx = rn_operand_map(tape, o, RN_DX);
    void *const workspace = rn_operand_data(tape, o, RN_SCRATCH);
    bool accumulate;
    float *const dw = rn_cpu_begin_gradient(tape, o, RN_DWEIGHTS, &accumulate);

    if (dw != NULL)
        rn_conv_backward_weights(tape->context, &o->as.conv, &x, &dy, dw, accumulate, workspace);
    if (rn_has(o, RN_DX))
        rn_conv_backward_data(tape->context, &o->as.conv, &dy, rn_operand_floats(tape, o, RN_WEIGHTS), &dx,
                              o->operand[RN_DX].role == RN_ADD, workspace);
}
