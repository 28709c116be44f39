/* SPDX-License-Identifier: MIT */
/* The stages of a plan, in their order. */
#include "run/plan.h"

static rn_status begin(rn_plan *plan, const rn_plan_request *request)
{
    const rn_allocator *const allocator = &request->context->allocator;

    plan->tape.context = request->context;
    plan->tape.graph = request->model->graph;
    plan->tape.parameters = request->model->graph->parameters;
    plan->tape.batch = plan->tape.images = request->batch;
    plan->tape.training = request->training;
    plan->tape.wants_pairs = request->wants_pairs;
    plan->model = request->model;
    plan->input = request->input;
    plan->height = request->height;
    plan->width = request->width;
    plan->input_gradient = request->input_gradient;
    plan->freeze_version = request->model->freeze_version;
    plan->optimizers = request->optimizers;
    plan->value_count = request->model->graph->count;
    plan->output_count = request->output_count;
    plan->value = rn_allocate_zeroed(allocator, (size_t)plan->value_count, sizeof *plan->value);
    plan->output = rn_allocate_array(allocator, (size_t)plan->output_count, sizeof *plan->output);
    if (plan->value == NULL || plan->output == NULL)
        return rn_fail(&request->context->message, RN_NO_MEMORY, "no memory for a plan");
    for (int32_t i = 0; i < plan->output_count; i++)
        plan->output[i] = request->outputs[i];
    return RN_OK;
}

rn_status rn_plan_begin(rn_plan **plan, const rn_plan_request *request)
{
    rn_plan *const made = rn_allocate_zeroed(&request->context->allocator, 1, sizeof *made);
    rn_status status;

    *plan = NULL;
    if (made == NULL)
        return rn_fail(&request->context->message, RN_NO_MEMORY, "no memory for a plan");
    status = begin(made, request);
    if (status == RN_OK)
        status = rn_plan_demand(made);
    if (status == RN_OK)
        status = rn_plan_emit(made);
    if (status != RN_OK) {
        rn_plan_destroy(made);
        return status;
    }
    *plan = made;
    return RN_OK;
}

static rn_buffer *buffer_of(rn_tape *tape, int32_t view)
{
    return &tape->buffer[tape->view[view].buffer];
}

/* The input is there before the first operation; it, outputs and what callers may ask for stay until the next
 * forward. */
static void keep_ends(rn_plan *plan)
{
    rn_tape *const tape = &plan->tape;
    const int32_t input = plan->value[plan->input].view;

    buffer_of(tape, input)->from_start = true;
    if (plan->input_gradient && tape->view[input].gradient >= 0)
        buffer_of(tape, tape->view[input].gradient)->to_end = true;
    for (int32_t i = 0; i < plan->output_count; i++) {
        const int32_t view = plan->value[plan->output[i]].view;

        buffer_of(tape, view)->to_end = true;
        if (tape->training)
            buffer_of(tape, tape->view[view].gradient)->to_end = true;
    }
}

rn_status rn_plan_finish(rn_plan **plan, const rn_plan_request *request)
{
    const rn_backend *const backend = request->backend != NULL ? request->backend : &rn_cpu;
    rn_plan *const made = *plan;
    rn_status status = rn_plan_fuse(made);

    if (status == RN_OK)
        status = rn_plan_derive(made);
    if (status == RN_OK) {
        keep_ends(made);
        rn_plan_form(made);
        rn_plan_halve(made, backend); /* before it matters what is made again, so that a limit changes no bit */
        status = rn_plan_recompute(made, request->recompute);
    }
    if (status == RN_OK)
        status = rn_plan_let_gradients_die(made, request->optimizer);
    if (status == RN_OK) {
        rn_plan_choose_portion(made, request->portion_bytes);
        status = rn_backend_plan(backend, &made->tape);
    }
    if (status == RN_OK)
        status = rn_tape_place(&made->tape);
    if (status != RN_OK) {
        rn_plan_destroy(made);
        *plan = NULL;
    }
    return status;
}

void rn_plan_destroy(rn_plan *plan)
{
    if (plan == NULL)
        return;
    const rn_allocator *const allocator = &plan->tape.context->allocator;

    rn_release(allocator, plan->output);
    rn_release(allocator, plan->value);
    rn_tape_release(&plan->tape);
    rn_release(allocator, plan);
}

size_t rn_plan_bytes(const rn_plan *plan)
{
    size_t nbytes;

    return rn_size_add(&nbytes, plan->tape.arena_bytes, rn_tape_prepared_bytes(&plan->tape)) ? nbytes : SIZE_MAX;
}

rn_map rn_plan_map(const rn_plan *plan, int32_t value)
{
    return rn_view_map(&plan->tape, plan->value[value].view);
}

rn_map rn_plan_gradient(const rn_plan *plan, int32_t value)
{
    const int32_t gradient = plan->tape.view[plan->value[value].view].gradient;

    return gradient < 0 ? (rn_map){ 0 } : rn_view_map(&plan->tape, gradient);
}
