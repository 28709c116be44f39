/* SPDX-License-Identifier: MIT */
/*
 * Portions: the operations in front of a network, whose maps are the largest, need not see the whole batch at once.
 * Where images do not meet (no batch statistics, no dropout) and backward does not reach, they run on some images after
 * the other, and what lies between them has room for a portion only (a step of a frozen vgg16 at batch 8: 624 MiB
 * instead of 779, weights included). An image's numbers do not depend on who else is in the batch, so no bit changes.
 */
#include "run/plan.h"

/* Of the maps around one operation; where all images stay below it, nothing is gained. */
static const int64_t standard_bytes = INT64_C(16) << 20;

/* Bytes of one image in the maps that an operation reads and writes. */
static int64_t bytes_around(const rn_tape *tape, const rn_operation *operation)
{
    int64_t bytes = 0;

    for (int i = 0; i < RN_OPERANDS; i++) {
        const rn_view *const view = &tape->view[operation->operand[i].view];
        const rn_buffer *const buffer = &tape->buffer[view->buffer];

        if (rn_has(operation, i) && buffer->of_images)
            bytes += view->channels * buffer->h * buffer->w * (int64_t)buffer->element;
    }
    return bytes;
}

static void mark_buffers(rn_tape *tape, int32_t begin, int32_t end, bool portioned)
{
    for (int32_t i = begin; i < end; i++)
        for (int j = 0; j < RN_OPERANDS; j++)
            if (rn_has(&tape->operation[i], j))
                tape->buffer[tape->view[tape->operation[i].operand[j].view].buffer].portioned = portioned;
}

/* What only the operations in front touch is portioned. */
static void mark_portioned(rn_tape *tape)
{
    mark_buffers(tape, 0, tape->portion_end, true);
    mark_buffers(tape, tape->portion_end, tape->operations, false);
    for (int32_t i = 0; i < tape->buffers; i++) {
        rn_buffer *const buffer = &tape->buffer[i];

        buffer->portioned = buffer->portioned && buffer->of_images && !buffer->from_start && !buffer->to_end;
    }
}

void rn_plan_choose_portion(rn_plan *plan, int64_t most_bytes)
{
    rn_tape *const tape = &plan->tape;
    const int64_t limit = most_bytes > 0 ? most_bytes : standard_bytes;
    int64_t largest = 0;

    for (int32_t i = 0; i < tape->loss; i++) {
        const rn_operation *const operation = &tape->operation[i];
        const int64_t bytes = bytes_around(tape, operation);

        if (operation->has_backward || operation->kind->mixes_images)
            break;
        if (bytes <= limit / plan->tape.batch)
            continue;
        tape->portion_end = i + 1;
        largest = bytes > largest ? bytes : largest;
    }
    if (tape->portion_end == 0)
        return;
    tape->portion = limit / largest > 1 ? limit / largest : 1;
    if (tape->portion >= plan->tape.batch)
        tape->portion_end = 0;
    else
        mark_portioned(tape);
}
