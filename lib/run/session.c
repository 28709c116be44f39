/* SPDX-License-Identifier: MIT */
/*
 * Sessions: finding or making the plan for the input's shape, keeping the arena, and the order of calls.
 *
 * The plans of a session share one arena, as large as the largest needs; when it grows, every plan is pointed into the
 * new one. A forward of a shape that was met before allocates nothing.
 */
#include "run/session.h"

#include "base/options.h"

RN_NO_TAIL_PADDING(rn_session_options, input_gradient);

/* ---- life ------------------------------------------------------------------------------------------------------ */

static rn_status find_outputs(rn_session *session, const rn_session_options *options)
{
    const rn_graph *const graph = session->model->graph;
    const bool own = options->outputs == NULL;
    const size_t count = own ? (size_t)graph->output_count : options->output_count;

    if (count == 0 || count > 1024)
        return rn_fail(&session->context->message, RN_INVALID_ARGUMENT, "a session has 1 to 1024 outputs");
    session->output = rn_allocate_array(&session->context->allocator, count, sizeof *session->output);
    session->result =
        rn_allocate_zeroed(&session->context->allocator, count * RN_SESSION_PLANS, sizeof *session->result);
    session->gradient =
        rn_allocate_zeroed(&session->context->allocator, count * RN_SESSION_PLANS, sizeof *session->gradient);
    if (session->output == NULL || session->result == NULL || session->gradient == NULL)
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

rn_status rn_session_create(rn_session **session, rn_context *context, rn_model *model,
                            const rn_session_options *options)
{
    rn_session_options read;
    rn_session *made;
    rn_status status;

    if (session == NULL)
        return rn_fail_null("rn_session_create", "session");
    *session = NULL;
    if (context == NULL)
        return rn_fail_null("rn_session_create", "context");
    if (model == NULL)
        return rn_fail(&context->message, RN_INVALID_ARGUMENT, "no model");
    status = rn_options_read(&read, sizeof read, options, &context->message);
    if (status != RN_OK)
        return status;
    if (read.mode != RN_INFER && read.mode != RN_TRAIN)
        return rn_fail(&context->message, RN_INVALID_ARGUMENT, "unknown mode %d", (int)read.mode);
    made = rn_allocate_zeroed(&context->allocator, 1, sizeof *made);
    if (made == NULL)
        return rn_fail(&context->message, RN_NO_MEMORY, "no memory for a session");
    made->context = context;
    made->model = model;
    rn_context_retain(context);
    rn_model_retain(model);
    atomic_fetch_add(&model->graph->parameters->sessions, 1);
    made->training = read.mode == RN_TRAIN;
    made->input_gradient = read.input_gradient != 0;
    made->seed = read.seed != 0 ? read.seed : context->seed;
    status = find_outputs(made, &read);
    if (status == RN_OK) {
        made->prepared = rn_allocate_zeroed(&context->allocator, (size_t)model->graph->count, sizeof *made->prepared);
        if (made->prepared == NULL)
            status = rn_fail(&context->message, RN_NO_MEMORY, "no memory for a session");
    }
    if (status != RN_OK) {
        rn_session_destroy(made);
        return status;
    }
    *session = made;
    return RN_OK;
}

static void unpin(rn_session *session)
{
    if (session->pinned)
        atomic_fetch_sub(&session->model->graph->parameters->pins, 1);
    session->pinned = false;
}

/* Tensors over the arena are for one plan; they go with it, and when the arena moves. */
static void forget_tensors(rn_session *session, int32_t slot)
{
    for (int32_t i = slot * session->output_count; i < (slot + 1) * session->output_count; i++) {
        rn_tensor_destroy(session->result[i]);
        rn_tensor_destroy(session->gradient[i]);
        session->result[i] = session->gradient[i] = NULL;
    }
    rn_tensor_destroy(session->input_result[slot]);
    session->input_result[slot] = NULL;
}

void rn_session_destroy(rn_session *session)
{
    if (session == NULL)
        return;
    rn_context *const context = session->context;

    unpin(session);
    for (int32_t i = 0; i < RN_SESSION_PLANS; i++) {
        forget_tensors(session, i);
        rn_plan_destroy(session->plan[i]);
    }
    for (int32_t i = 0; session->prepared != NULL && i < session->model->graph->count; i++)
        rn_prepared_release(&session->prepared[i], &context->allocator);
    rn_release(&context->allocator, session->prepared);
    rn_storage_release(session->arena);
    rn_release(&context->allocator, session->output);
    rn_release(&context->allocator, session->result);
    rn_release(&context->allocator, session->gradient);
    atomic_fetch_sub(&session->model->graph->parameters->sessions, 1);
    rn_model_destroy(session->model);
    rn_release(&context->allocator, session);
    rn_context_release(context);
}

/* ---- plans ----------------------------------------------------------------------------------------------------- */

static rn_plan_request request_for(const rn_session *session, int64_t batch, int64_t height, int64_t width)
{
    return (rn_plan_request){ .context = session->context,
                              .model = session->model,
                              .prepared = session->prepared,
                              .outputs = session->output,
                              .output_count = session->output_count,
                              .batch = batch,
                              .height = height,
                              .width = width,
                              .training = session->training,
                              .input_gradient = session->input_gradient };
}

/* What is frozen decides what backward needs; inference has none. */
static bool is_outdated(const rn_session *session, const rn_plan *plan)
{
    return session->training && plan->freeze_version != session->model->freeze_version;
}

/* The slot of a plan for this shape, or of the one to be replaced: an empty one, an outdated one, the least recently
 * used. */
static int32_t find_slot(const rn_session *session, int64_t batch, int64_t height, int64_t width)
{
    int32_t oldest = 0;

    for (int32_t i = 0; i < RN_SESSION_PLANS; i++) {
        const rn_plan *const plan = session->plan[i];

        if (plan != NULL && plan->batch == batch && plan->height == height && plan->width == width &&
            !is_outdated(session, plan))
            return i;
    }
    for (int32_t i = 0; i < RN_SESSION_PLANS; i++) {
        const rn_plan *const plan = session->plan[i];

        if (plan == NULL || is_outdated(session, plan))
            return i;
        if (plan->used < session->plan[oldest]->used)
            oldest = i;
    }
    return oldest;
}

static void release_arena(rn_storage *storage)
{
    rn_release(&storage->context->allocator, storage->memory);
}

/* An arena of at least this size; the old one is given up first, so that the two never exist at once. */
static rn_status grow_arena(rn_session *session, size_t nbytes)
{
    rn_status status;
    void *memory;

    if (session->arena != NULL && nbytes <= session->arena_bytes)
        return RN_OK;
    for (int32_t i = 0; i < RN_SESSION_PLANS; i++)
        forget_tensors(session, i);
    rn_storage_release(session->arena);
    session->arena = NULL;
    session->arena_bytes = 0;
    memory = rn_allocate(&session->context->allocator, nbytes);
    if (memory == NULL)
        return rn_fail(&session->context->message, RN_NO_MEMORY, "no memory for a plan of %zu bytes", nbytes);
    status = rn_storage_create(&session->arena, session->context, memory, release_arena, NULL);
    if (status != RN_OK) {
        rn_release(&session->context->allocator, memory);
        return status;
    }
    session->arena_bytes = nbytes;
    for (int32_t i = 0; i < RN_SESSION_PLANS; i++)
        if (session->plan[i] != NULL && session->plan[i]->arena_bytes <= nbytes)
            rn_plan_bind(session->plan[i], memory);
    return RN_OK;
}

static rn_status find_plan(rn_plan **plan, rn_session *session, int64_t batch, int64_t height, int64_t width)
{
    const int32_t slot = find_slot(session, batch, height, width);
    rn_plan *found = session->plan[slot];

    if (found == NULL || found->batch != batch || found->height != height || found->width != width ||
        is_outdated(session, found)) {
        const rn_plan_request request = request_for(session, batch, height, width);
        rn_status status = rn_plan_create(&found, &request);

        if (status == RN_OK)
            status = rn_plan_prepare(found);
        if (status != RN_OK) {
            rn_plan_destroy(found);
            return status;
        }
        if (session->current == session->plan[slot])
            session->current = NULL;
        forget_tensors(session, slot);
        rn_plan_destroy(session->plan[slot]);
        session->plan[slot] = found;
        status = grow_arena(session, found->arena_bytes);
        if (status != RN_OK) {
            session->plan[slot] = NULL;
            rn_plan_destroy(found);
            return status;
        }
        rn_plan_bind(found, session->arena->memory);
    } else {
        /* An allocation that failed since may have taken the arena away. */
        const rn_status status = grow_arena(session, found->arena_bytes);

        if (status != RN_OK)
            return status;
    }
    found->used = ++session->clock;
    session->slot = slot;
    *plan = found;
    return RN_OK;
}

rn_status rn_session_plan_bytes(size_t *nbytes, rn_session *session, int64_t batch, int64_t height, int64_t width)
{
    rn_plan_request request;
    rn_plan *plan;
    rn_status status;

    if (session == NULL)
        return rn_fail_null("rn_session_plan_bytes", "session");
    if (nbytes == NULL || batch < 1 || height < 1 || width < 1 || batch > INT32_MAX)
        return rn_fail(&session->context->message, RN_INVALID_ARGUMENT,
                       "a plan needs a batch and a size of at least 1");
    request = request_for(session, batch, height, width);
    status = rn_plan_create(&plan, &request);
    if (status != RN_OK)
        return status;
    if (!rn_size_add(nbytes, plan->arena_bytes, plan->prepared_bytes))
        status = rn_fail(&session->context->message, RN_NO_MEMORY, "the plan does not fit the address space");
    rn_plan_destroy(plan);
    return status;
}

/* ---- running --------------------------------------------------------------------------------------------------- */

static rn_status check_images(const rn_session *session, const rn_tensor *images)
{
    const rn_value_shape *const input = &session->model->graph->layer[0].shape;
    char text[128];

    if (images->dtype != RN_FLOAT32 || images->rank != 4 || images->shape[0] < 1 || images->shape[1] != input->c ||
        images->shape[2] < 1 || images->shape[3] < 1 || images->shape[0] > INT32_MAX)
        return rn_fail(&session->context->message, RN_SHAPE,
                       "images are %s %s, the network takes float32 (N, %lld, H, W)", rn_dtype_name(images->dtype),
                       rn_shape_text(text, sizeof text, images->rank, images->shape), (long long)input->c);
    return RN_OK;
}

/* True if the tensor's memory is that of a map without gaps. */
static bool is_channels_last(const rn_tensor *images)
{
    const int64_t *const shape = images->shape, *const strides = images->strides;

    return strides[1] == 1 && strides[3] == shape[1] && strides[2] == shape[1] * shape[3] &&
           strides[0] == shape[1] * shape[2] * shape[3];
}

static rn_status copy_input(rn_session *session, const rn_plan *plan, const rn_tensor *images)
{
    const rn_map *const input = &plan->value[0].map;
    rn_tensor *target;
    rn_status status;

    if (is_channels_last(images)) {
        rn_map source = *input;

        source.data = (float *)(void *)images->data;
        rn_add_forward(session->context, &source, NULL, false, input);
        return RN_OK;
    }
    status = rn_tensor_over(&target, session->arena, input->data, RN_FLOAT32, 4, images->shape, NULL, RN_CHANNELS_LAST);
    if (status == RN_OK)
        status = rn_tensor_copy(target, images);
    rn_tensor_destroy(target);
    return status;
}

static void clear_map(const rn_map *map)
{
    const int64_t rows = rn_map_rows(map);

    for (int64_t i = 0; i < rows; i++)
        for (int64_t c = 0; c < map->c; c++)
            map->data[i * map->pitch + c] = 0;
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

static rn_status run_forward(rn_session *session, const rn_tensor *images)
{
    rn_plan *plan;
    rn_status status = find_plan(&plan, session, images->shape[0], images->shape[2], images->shape[3]);

    if (status == RN_OK)
        status = copy_input(session, plan, images);
    if (status != RN_OK) {
        session->current = NULL;
        return status;
    }
    session->current = plan;
    plan->dropout_seed = session->seed;
    plan->dropout_step = session->step_count;
    rn_plan_forward(plan);
    if (session->training) {
        for (int32_t i = 0; i < session->output_count; i++)
            clear_map(rn_plan_gradient(plan, session->output[i]));
        session->step_count++;
        session->pinned = true;
        atomic_fetch_add(&session->model->graph->parameters->pins, 1);
    }
    return RN_OK;
}

rn_status rn_session_forward(rn_session *session, const rn_tensor *images)
{
    rn_status status;

    if (session == NULL)
        return rn_fail_null("rn_session_forward", "session");
    if (images == NULL)
        return rn_fail(&session->context->message, RN_INVALID_ARGUMENT, "no images");
    status = check_images(session, images);
    if (status != RN_OK)
        return status;
    unpin(session);
    session->has_loss = session->went_back = false;
    status = begin_forward(session);
    if (status != RN_OK)
        return status;
    status = run_forward(session, images);
    end_forward(session);
    return status;
}

rn_status rn_session_backward(rn_session *session)
{
    rn_parameters *parameters;
    rn_status status;

    if (session == NULL)
        return rn_fail_null("rn_session_backward", "session");
    if (!session->training)
        return rn_fail(&session->context->message, RN_STATE, "backward in an inference session");
    if (session->current == NULL || session->went_back || !session->pinned)
        return rn_fail(&session->context->message, RN_STATE, "backward without a forward before it");
    if (!session->has_loss)
        return rn_fail(&session->context->message, RN_STATE, "backward without a loss or a gradient of an output");
    if (!rn_plan_differentiates(session->current))
        return rn_fail(&session->context->message, RN_STATE, "backward has nothing to reach: nothing is trainable");
    parameters = session->model->graph->parameters;
    rn_gate_enter_exclusive(&parameters->gate); /* gradients are the model's; the session's own pin stands */
    status = rn_parameters_gradients_ready(parameters);
    if (status == RN_OK) {
        rn_plan_backward(session->current);
        session->went_back = true;
        unpin(session);
    }
    rn_gate_leave_exclusive(&parameters->gate);
    return status == RN_NO_MEMORY ? rn_fail(&session->context->message, status, "no memory for gradients") : status;
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
