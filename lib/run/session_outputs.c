/* SPDX-License-Identifier: MIT */
/* What comes out of a session: outputs, and where their gradients go, as tensors over the arena. */
#include "run/session.h"

static const char no_forward[] = "no forward has run";

static rn_status tensor_of_map(rn_tensor **tensor, rn_session *session, const rn_map *map, bool flat)
{
    const int64_t shape[4] = { map->n, map->c, map->h, map->w };
    const int64_t strides[4] = { map->h * map->w * map->pitch, 1, map->w * map->pitch, map->pitch };

    return rn_tensor_over(tensor, session->arena, map->data, RN_FLOAT32, flat ? 2 : 4, shape, strides, RN_ROW_MAJOR);
}

static rn_status check_output(const rn_session *session, const void *out, size_t index)
{
    if (session == NULL)
        return rn_fail_null("rn_session_output", "session");
    if (out == NULL || index >= (size_t)session->output_count)
        return rn_fail(&session->context->message, RN_INVALID_ARGUMENT, "the session has %d outputs",
                       (int)session->output_count);
    if (session->current == NULL)
        return rn_fail(&session->context->message, RN_STATE, "%s", no_forward);
    return RN_OK;
}

rn_status rn_session_output(const rn_tensor **output, rn_session *session, size_t index)
{
    rn_status status = check_output(session, output, index);
    size_t place;

    if (output != NULL)
        *output = NULL;
    if (status != RN_OK)
        return status;
    place = (size_t)session->slot * (size_t)session->output_count + index;
    if (session->result[place] == NULL)
        status = tensor_of_map(&session->result[place], session, rn_plan_map(session->current, session->output[index]),
                               session->current->value[session->output[index]].shape.flat);
    *output = session->result[place];
    return status;
}

rn_status rn_session_gradient(rn_tensor **gradient, rn_session *session, size_t index)
{
    rn_status status = check_output(session, gradient, index);
    size_t place;

    if (gradient != NULL)
        *gradient = NULL;
    if (status != RN_OK)
        return status;
    if (!session->training || session->went_back)
        return rn_fail(&session->context->message, RN_STATE,
                       "gradients of outputs belong between a training session's forward and backward");
    place = (size_t)session->slot * (size_t)session->output_count + index;
    if (session->gradient[place] == NULL)
        status = tensor_of_map(&session->gradient[place], session,
                               rn_plan_gradient(session->current, session->output[index]),
                               session->current->value[session->output[index]].shape.flat);
    *gradient = session->gradient[place];
    session->has_loss = status == RN_OK;
    return status;
}

rn_status rn_session_input_gradient(const rn_tensor **gradient, rn_session *session, size_t index)
{
    rn_status status = RN_OK;

    if (gradient != NULL)
        *gradient = NULL;
    if (session == NULL)
        return rn_fail_null("rn_session_input_gradient", "session");
    if (gradient == NULL || index > 0)
        return rn_fail(&session->context->message, RN_INVALID_ARGUMENT, "rn_session_input_gradient: %s",
                       gradient == NULL ? "gradient is NULL" : "the network has one input");
    if (!session->input_gradient || session->current == NULL || !session->went_back)
        return rn_fail(&session->context->message, RN_STATE,
                       "no backward has run that was asked for the input's gradient");
    if (session->input_result[session->slot] == NULL)
        status =
            tensor_of_map(&session->input_result[session->slot], session, rn_plan_gradient(session->current, 0), false);
    *gradient = session->input_result[session->slot];
    return status;
}

rn_status rn_session_loss_maps(rn_session *session, size_t output, rn_map *logits, rn_map *gradient)
{
    int32_t value;

    if (session->current == NULL)
        return rn_fail(&session->context->message, RN_STATE, "%s", no_forward);
    if (session->training && session->went_back)
        return rn_fail(&session->context->message, RN_STATE, "a loss belongs between forward and backward");
    value = session->output[output];
    if (!session->current->value[value].shape.flat)
        return rn_fail(&session->context->message, RN_SHAPE, "the loss needs an output of shape (N, classes)");
    *logits = *rn_plan_map(session->current, value);
    *gradient = *rn_plan_gradient(session->current, value);
    if (!session->training)
        gradient->data = NULL;
    return RN_OK;
}
