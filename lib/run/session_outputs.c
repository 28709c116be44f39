/* SPDX-License-Identifier: MIT */
/* What comes out of a session: outputs, and where their gradients go, as tensors over the arena. */
#include "run/session.h"

static const char no_forward[] = "no forward has run";

/* The tensor over a value's map or gradient, made at the first call. */
static rn_status tensor_of(rn_tensor **tensor, rn_session *session, int32_t value, bool gradient)
{
    const rn_plan *const plan = session->current->plan;
    const rn_map map = gradient ? rn_plan_gradient(plan, value) : rn_plan_map(plan, value);
    const int64_t shape[4] = { map.n, map.c, map.h, map.w };
    const int64_t strides[4] = { map.h * map.w * map.pitch, 1, map.w * map.pitch, map.pitch };

    if (*tensor != NULL)
        return RN_OK;
    return rn_tensor_over(tensor, session->cache.arena, map.data, RN_FLOAT32, plan->value[value].shape.flat ? 2 : 4,
                          shape, strides, RN_ROW_MAJOR);
}

static rn_status check_output(const rn_session *session, const void *out, size_t index, const char *call)
{
    if (session == NULL)
        return rn_fail_null(call, "session");
    if (out == NULL)
        return rn_fail(&session->context->message, RN_INVALID_ARGUMENT, "%s: no place for the tensor", call);
    if (index >= (size_t)session->output_count)
        return rn_fail(&session->context->message, RN_INVALID_ARGUMENT, "%s: output %zu of a session that has %d", call,
                       index, (int)session->output_count);
    if (session->state == RN_SESSION_EMPTY)
        return rn_fail(&session->context->message, RN_STATE, "%s", no_forward);
    return RN_OK;
}

rn_status rn_session_output(const rn_tensor **output, rn_session *session, size_t index)
{
    rn_status status = check_output(session, output, index, "rn_session_output");

    if (output != NULL)
        *output = NULL;
    if (status != RN_OK)
        return status;
    status = tensor_of(&session->current->tensor[index], session, session->output[index], false);
    *output = session->current->tensor[index];
    return status;
}

rn_status rn_session_gradient(rn_tensor **gradient, rn_session *session, size_t index)
{
    rn_status status = check_output(session, gradient, index, "rn_session_gradient");
    rn_tensor **place;

    if (gradient != NULL)
        *gradient = NULL;
    if (status != RN_OK)
        return status;
    if (!session->training || session->state == RN_SESSION_WENT_BACK)
        return rn_fail(&session->context->message, RN_STATE,
                       "gradients of outputs belong between a training session's forward and backward");
    place = &session->current->tensor[(size_t)session->output_count + index];
    status = tensor_of(place, session, session->output[index], true);
    *gradient = *place;
    if (status == RN_OK)
        rn_session_has_loss(session);
    return status;
}

rn_status rn_session_input_gradient(const rn_tensor **gradient, rn_session *session, size_t index)
{
    rn_tensor **place;
    rn_status status;

    if (gradient != NULL)
        *gradient = NULL;
    if (session == NULL)
        return rn_fail_null("rn_session_input_gradient", "session");
    if (gradient == NULL || index > 0)
        return rn_fail(&session->context->message, RN_INVALID_ARGUMENT, "rn_session_input_gradient: %s",
                       gradient == NULL ? "gradient is NULL" : "the network has one input");
    if (!session->input_gradient || session->state != RN_SESSION_WENT_BACK)
        return rn_fail(&session->context->message, RN_STATE,
                       "no backward has run that was asked for the input's gradient");
    if (rn_plan_gradient(session->current->plan, session->input).data == NULL)
        return rn_fail(&session->context->message, RN_STATE, "no output depends on the input");
    place = &session->current->tensor[2 * session->output_count];
    status = tensor_of(place, session, session->input, true);
    *gradient = *place;
    return status;
}

rn_status rn_session_loss_maps(rn_session *session, size_t output, rn_map *logits, rn_map *gradient)
{
    const rn_plan *plan;
    int32_t value;

    if (session->state == RN_SESSION_EMPTY)
        return rn_fail(&session->context->message, RN_STATE, "%s", no_forward);
    if (session->state == RN_SESSION_WENT_BACK)
        return rn_fail(&session->context->message, RN_STATE, "a loss belongs between forward and backward");
    plan = session->current->plan;
    value = session->output[output];
    if (!plan->value[value].shape.flat)
        return rn_fail(&session->context->message, RN_SHAPE, "the loss needs an output of shape (N, classes)");
    *logits = rn_plan_map(plan, value);
    *gradient = session->training ? rn_plan_gradient(plan, value) : (rn_map){ 0 };
    return RN_OK;
}
