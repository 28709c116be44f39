/* SPDX-License-Identifier: MIT */
/* Sessions: making them, and the order of calls. */
#include "run/session.h"

#include "base/options.h"
#include "ops/combine.h"

RN_NO_TAIL_PADDING(rn_session_options, memory_limit);

/* ---- life ------------------------------------------------------------------------------------------------------ */

static rn_status find_outputs(rn_session *session, const rn_session_options *options)
{
    const rn_graph *const graph = session->model->graph;
    const bool own = options->outputs == NULL;
    const size_t count = own ? (size_t)graph->output_count : options->output_count;

    if (own && options->output_count > 0)
        return rn_fail(&session->context->message, RN_INVALID_ARGUMENT, "%zu outputs of a session, but outputs is NULL",
                       options->output_count);
    if (count == 0 || count > 1024)
        return rn_fail(&session->context->message, RN_INVALID_ARGUMENT, "a session has 1 to 1024 outputs");
    session->output = rn_allocate_array(&session->context->allocator, count, sizeof *session->output);
    if (session->output == NULL)
        return rn_fail(&session->context->message, RN_NO_MEMORY, "no memory for a session");
    for (size_t i = 0; i < count; i++) {
        const char *const name = own ? graph->output[i].name : options->outputs[i];
        const int32_t value = name == NULL ? -1 : rn_model_find_value(session->model, name);

        if (own && graph->output[i].auxiliary && !session->training)
            continue;
        if (value < 0)
            return rn_fail(&session->context->message, RN_INVALID_ARGUMENT, "the network has no output or layer '%s'",
                           name == NULL ? "(null)" : name);
        session->output[session->output_count++] = value;
    }
    return RN_OK;
}

static rn_status find_input(rn_session *session, const rn_session_options *options)
{
    if (options->input == NULL)
        return RN_OK;
    session->input = rn_model_find_value(session->model, options->input);
    return session->input >= 0 ? RN_OK
                               : rn_fail(&session->context->message, RN_INVALID_ARGUMENT,
                                         "the network has no layer '%s' to begin behind", options->input);
}

static rn_status check_options(rn_session_options *read, rn_context *context, const rn_model *model,
                               const rn_session_options *options)
{
    rn_status status;

    if (model == NULL)
        return rn_fail(&context->message, RN_INVALID_ARGUMENT, "no model");
    status = rn_options_read(read, sizeof *read, options, &context->message);
    if (status == RN_OK && read->mode != RN_INFER && read->mode != RN_TRAIN)
        status = rn_fail(&context->message, RN_INVALID_ARGUMENT, "unknown mode %d", (int)read->mode);
    if (status == RN_OK)
        status = rn_check_precision(read->precision, &context->message);
    if (status == RN_OK)
        status = rn_options_reserved(read->reserved, "rn_session_create", &context->message);
    return status;
}

/* The companion is a session's first member. */
static void release_companion(rn_companion *companion)
{
    rn_session_destroy((rn_session *)companion);
}

/* From here on rn_session_destroy undoes what there is. */
static rn_session *allocate_session(rn_context *context, rn_model *model, bool belongs)
{
    rn_session *const made = rn_allocate_zeroed(&context->allocator, 1, sizeof *made);

    if (made == NULL)
        return NULL;
    made->companion.release = release_companion;
    made->belongs = belongs;
    made->context = context;
    made->model = model;
    rn_context_retain(context);
    if (!belongs) {
        rn_model_retain(model);
        atomic_fetch_add(&model->graph->parameters->sessions, 1);
    }
    return made;
}

static void choose_precision(rn_session *session, int32_t wanted)
{
    const rn_context *const context = session->context;

    session->wants_pairs = rn_context_wants_pairs(context, wanted);
    if (rn_context_asks_for_pairs(context, wanted) && !session->wants_pairs)
        rn_context_log(session->context, RN_LOG_WARNING,
                       "no products of bfloat16 with this CPU and instruction set (%s): computing in float32",
                       rn_isa_name(context->kernels->isa));
}

static rn_status create(rn_session **session, rn_context *context, rn_model *model, const rn_session_options *options,
                        bool belongs)
{
    rn_session *const made = allocate_session(context, model, belongs);
    rn_status status;

    if (made == NULL)
        return rn_fail(&context->message, RN_NO_MEMORY, "no memory for a session");
    made->training = options->mode == RN_TRAIN;
    made->input_gradient = options->input_gradient != 0;
    made->memory_limit = options->memory_limit;
    made->seed = options->seed != 0 ? options->seed : context->seed;
    choose_precision(made, options->precision);
    status = find_outputs(made, options);
    if (status == RN_OK)
        status = find_input(made, options);
    if (status != RN_OK) {
        rn_session_destroy(made);
        return status;
    }
    *session = made;
    return RN_OK;
}

rn_status rn_session_create(rn_session **session, rn_context *context, rn_model *model,
                            const rn_session_options *options)
{
    rn_session_options read;
    rn_status status;

    if (session == NULL)
        return rn_fail_null("rn_session_create", "session");
    *session = NULL;
    if (context == NULL)
        return rn_fail_null("rn_session_create", "context");
    status = check_options(&read, context, model, options);
    if (status != RN_OK)
        return status;
    if (read.mode == RN_TRAIN)
        rn_model_keep_companion(model, NULL); /* training has the memory */
    return create(session, context, model, &read, false);
}

rn_precision rn_session_precision(const rn_session *session)
{
    return session != NULL && session->wants_pairs ? RN_PRECISION_BFLOAT16 : RN_PRECISION_FLOAT32;
}

rn_status rn_session_create_belonging(rn_session **session, rn_model *model)
{
    const rn_session_options standard = { .struct_size = sizeof standard };

    *session = NULL;
    return create(session, model->context, model, &standard, true);
}

void rn_session_enter(rn_session *session, rn_session_state state)
{
    const bool was = session->training && (session->state == RN_SESSION_RAN || session->state == RN_SESSION_HAS_LOSS);
    const bool is = session->training && (state == RN_SESSION_RAN || state == RN_SESSION_HAS_LOSS);

    if (was != is)
        atomic_fetch_add(&session->model->graph->parameters->pins, is ? 1 : -1);
    session->state = state;
}

void rn_session_has_loss(rn_session *session)
{
    if (session->training)
        rn_session_enter(session, RN_SESSION_HAS_LOSS);
}

void rn_session_destroy(rn_session *session)
{
    if (session == NULL)
        return;
    rn_context *const context = session->context;

    rn_session_enter(session, RN_SESSION_EMPTY);
    rn_plan_cache_release(&session->cache, context, session->output_count);
    rn_release(&context->allocator, session->output);
    rn_optimizer_destroy(session->optimizer);
    if (!session->belongs) {
        atomic_fetch_sub(&session->model->graph->parameters->sessions, 1);
        rn_model_destroy(session->model);
    }
    rn_release(&context->allocator, session);
    rn_context_release(context);
}

/* ---- plans ----------------------------------------------------------------------------------------------------- */

static rn_plan_request request_for(const rn_session *session, int64_t batch, int64_t height, int64_t width)
{
    return (rn_plan_request){ .context = session->context,
                              .model = session->model,
                              .backend = session->backend,
                              .outputs = session->output,
                              .output_count = session->output_count,
                              .input = session->input,
                              .batch = batch,
                              .height = height,
                              .width = width,
                              .training = session->training,
                              .input_gradient = session->input_gradient,
                              .wants_pairs = session->wants_pairs,
                              .memory_limit = session->memory_limit,
                              .optimizer = session->optimizer,
                              .optimizers = session->optimizers };
}

rn_status rn_session_plan_bytes(size_t *nbytes, rn_session *session, int64_t batch, int64_t height, int64_t width)
{
    rn_plan_request request;
    rn_plan *plan;
    rn_status status;

    if (session == NULL)
        return rn_fail_null("rn_session_plan_bytes", "session");
    if (nbytes == NULL)
        return rn_fail(&session->context->message, RN_INVALID_ARGUMENT, "rn_session_plan_bytes: nbytes is NULL");
    if (batch < 1 || height < 1 || width < 1 || batch > INT32_MAX)
        return rn_fail(&session->context->message, RN_INVALID_ARGUMENT,
                       "a plan needs a batch and a size of at least 1");
    request = request_for(session, batch, height, width);
    status = rn_plan_create(&plan, &request);
    if (status != RN_OK)
        return status;
    *nbytes = rn_plan_bytes(plan);
    if (*nbytes == SIZE_MAX)
        status = rn_fail(&session->context->message, RN_NO_MEMORY, "the plan does not fit the address space");
    rn_plan_destroy(plan);
    return status;
}

/* ---- running --------------------------------------------------------------------------------------------------- */

/* The rank of the value that forward is given. */
static int32_t input_rank(const rn_session *session)
{
    return session->model->graph->layer[session->input].shape.flat ? 2 : 4;
}

static rn_status check_input(const rn_session *session, const rn_tensor *input)
{
    const rn_value_shape *const shape = &session->model->graph->layer[session->input].shape;
    const int32_t rank = input_rank(session);
    char text[128];
    bool fits = input->dtype == RN_FLOAT32 && input->rank == rank;

    for (int32_t i = 0; fits && i < rank; i++)
        fits = input->shape[i] >= 1;
    if (!fits || input->shape[1] != shape->c || input->shape[0] > INT32_MAX)
        return rn_fail(&session->context->message, RN_SHAPE, "%s are %s %s, the network takes float32 (N, %lld%s)",
                       session->input == 0 ? "images" : "features", rn_dtype_name(input->dtype),
                       rn_shape_text(text, sizeof text, input->rank, input->shape), (long long)shape->c,
                       rank == 4 ? ", H, W" : "");
    return RN_OK;
}

/* True if the tensor's memory is that of a map without gaps. */
static bool is_channels_last(const rn_tensor *input)
{
    const int64_t *const shape = input->shape, *const strides = input->strides;

    if (input->rank == 2)
        return strides[1] == 1 && strides[0] == shape[1];
    return strides[1] == 1 && strides[3] == shape[1] && strides[2] == shape[1] * shape[3] &&
           strides[0] == shape[1] * shape[2] * shape[3];
}

static rn_status copy_input(rn_session *session, const rn_plan *plan, const rn_tensor *input)
{
    const rn_map map = rn_plan_map(plan, plan->input);
    rn_tensor *target;
    rn_status status;

    if (is_channels_last(input)) {
        rn_map source = map;

        source.data = (float *)(void *)input->data;
        source.pitch = map.c;
        rn_copy_map(session->context, &source, &map);
        return RN_OK;
    }
    status = rn_tensor_over(&target, session->cache.arena, map.data, RN_FLOAT32, input->rank, input->shape, NULL,
                            input->rank == 4 ? RN_CHANNELS_LAST : RN_ROW_MAJOR);
    if (status == RN_OK)
        status = rn_tensor_copy(target, input);
    rn_tensor_destroy(target);
    return status;
}

/* Training writes running statistics, inference reads only (params/parameters.h). */
static rn_status begin_forward(rn_session *session)
{
    rn_parameters *const parameters = session->model->graph->parameters;

    if (session->training)
        return rn_parameters_begin_write(parameters, &session->context->message);
    rn_parameters_begin_read(parameters);
    return RN_OK;
}

static void end_forward(rn_session *session)
{
    rn_parameters *const parameters = session->model->graph->parameters;

    if (session->training)
        rn_parameters_end_change(parameters);
    else
        rn_parameters_end_read(parameters);
}

static rn_status run_forward(rn_session *session, const rn_tensor *input)
{
    const bool flat = input->rank == 2;
    const rn_plan_request request =
        request_for(session, input->shape[0], flat ? 1 : input->shape[2], flat ? 1 : input->shape[3]);
    rn_status status = rn_plan_cache_find(&session->current, &session->cache, &request);
    rn_tape *tape;

    if (status == RN_OK)
        status = copy_input(session, session->current->plan, input);
    if (status != RN_OK)
        return status;
    tape = &session->current->plan->tape;
    tape->dropout_seed = session->seed;
    tape->dropout_step = session->step_count;
    rn_tape_forward(tape);
    session->step_count += session->training;
    rn_session_enter(session, RN_SESSION_RAN);
    return RN_OK;
}

rn_status rn_session_forward(rn_session *session, const rn_tensor *images)
{
    rn_status status;

    if (session == NULL)
        return rn_fail_null("rn_session_forward", "session");
    if (images == NULL)
        return rn_fail(&session->context->message, RN_INVALID_ARGUMENT, "no images");
    status = check_input(session, images);
    if (status != RN_OK)
        return status;
    rn_session_enter(session, RN_SESSION_EMPTY);
    status = begin_forward(session);
    if (status != RN_OK)
        return status;
    status = run_forward(session, images);
    end_forward(session);
    return status;
}

uint64_t rn_session_step_count(const rn_session *session)
{
    return session == NULL ? 0 : session->step_count;
}

void rn_session_set_step_count(rn_session *session, uint64_t step_count)
{
    if (session != NULL)
        session->step_count = step_count;
}
