/* SPDX-License-Identifier: MIT */
/* Backward, which may make the step of an optimizer: parameter by parameter, as their gradients are ready. */
#include "optim/optimizer.h"
#include "run/kinds.h"
#include "run/session.h"

rn_status rn_session_step_in_backward(rn_session *session, rn_optimizer *optimizer)
{
    rn_parameters *parameters;

    if (session == NULL)
        return rn_fail_null("rn_session_step_in_backward", "session");
    parameters = session->model->graph->parameters;
    if (session->optimizer == optimizer)
        return RN_OK;
    if (!session->training || session->context != parameters->context ||
        (optimizer != NULL && optimizer->parameters != parameters))
        return rn_fail(
            &session->context->message, RN_INVALID_ARGUMENT,
            "rn_session_step_in_backward takes a training session of the model's context, and an optimizer of "
            "that model");
    if (session->state == RN_SESSION_RAN || session->state == RN_SESSION_HAS_LOSS)
        return rn_fail(&session->context->message, RN_STATE,
                       "rn_session_step_in_backward: the session is between forward and backward");
    if (optimizer != NULL)
        rn_retain(&optimizer->references);
    rn_optimizer_destroy(session->optimizer);
    session->optimizer = optimizer;
    session->optimizers++;
    if (optimizer != NULL)
        rn_parameters_release_gradients(parameters);
    return RN_OK;
}

/* ---- backward ---------------------------------------------------------------------------------------------------- */

/* Everything that could fail beforehand, for a parameter that is covered. */
static rn_status prepare_step_on(const rn_session *session, const rn_ready *ready)
{
    const rn_parameter *const entry = &session->model->graph->parameters->entry[ready->parameter];

    if (ready->dies && entry->has_gradient)
        return rn_fail(&session->context->message, RN_STATE,
                       "'%s' has a gradient that waits for a step: rn_optimizer_step or rn_parameters_clear_gradients "
                       "before a backward that makes steps",
                       entry->name);
    return rn_optimizer_own_state(session->optimizer, (size_t)ready->parameter);
}

static rn_status prepare_steps(const rn_session *session)
{
    const rn_tape *const tape = &session->current->plan->tape;
    rn_status status = rn_parameters_own_values(tape->parameters, &session->context->message);
    bool stays = false, any = false;

    for (int32_t i = tape->backward; i < tape->operations && status == RN_OK; i++) {
        const rn_operation *const o = &tape->operation[i];
        rn_ready ready;

        if (o->kind != &rn_op_gradient_ready)
            continue;
        ready = rn_tape_ready(tape, o);
        stays = stays || !ready.dies;
        if (!rn_optimizer_covers(session->optimizer, (size_t)ready.parameter))
            continue;
        any = true;
        status = prepare_step_on(session, &ready);
    }
    if (status == RN_OK && stays)
        status = rn_parameters_gradients_ready(tape->parameters);
    return status != RN_OK || any ? status
                                  : rn_fail(&session->context->message, RN_STATE,
                                            "nothing to step: no trainable parameter is covered by the optimizer");
}

static rn_status prepare(rn_session *session)
{
    rn_status status;

    session->step_status = RN_OK;
    if (session->optimizer != NULL)
        return prepare_steps(session);
    status = rn_parameters_gradients_ready(session->model->graph->parameters);
    return status == RN_NO_MEMORY ? rn_fail(&session->context->message, status, "no memory for gradients") : status;
}

static void use_gradient(void *payload, const rn_ready *ready)
{
    rn_session *const session = payload;

    if (session->gradient_ready != NULL)
        session->gradient_ready(session->payload, ready);
    if (ready->dies && session->step_status == RN_OK)
        session->step_status = rn_optimizer_step_on(session->optimizer, (size_t)ready->parameter, ready->begin,
                                                    ready->end, ready->gradient);
}

rn_status rn_session_may_go_back(const rn_session *session)
{
    rn_message *const message = &session->context->message;

    if (!session->training)
        return rn_fail(message, RN_STATE, "backward in an inference session");
    if (session->state == RN_SESSION_EMPTY || session->state == RN_SESSION_WENT_BACK)
        return rn_fail(message, RN_STATE, "backward without a forward before it");
    if (session->state != RN_SESSION_HAS_LOSS)
        return rn_fail(message, RN_STATE, "backward without a loss or a gradient of an output");
    if (session->current->plan->tape.backward == session->current->plan->tape.operations)
        return rn_fail(message, RN_STATE, "backward has nothing to reach: nothing is trainable");
    return RN_OK;
}

rn_status rn_session_backward(rn_session *session)
{
    rn_parameters *parameters;
    rn_tape *tape;
    rn_status status;
    bool any;

    if (session == NULL)
        return rn_fail_null("rn_session_backward", "session");
    status = rn_session_may_go_back(session);
    if (status != RN_OK)
        return status;
    parameters = session->model->graph->parameters;
    tape = &session->current->plan->tape;
    rn_gate_enter_exclusive(&parameters->gate); /* gradients are the model's; the session's own pin stands */
    status = prepare(session);
    if (status == RN_OK) {
        tape->gradient_ready = use_gradient;
        tape->payload = session;
        rn_tape_backward(tape);
        rn_session_enter(session, RN_SESSION_WENT_BACK);
        status = session->step_status;
        if (status == RN_OK && session->optimizer != NULL) /* on what could not be updated before the end */
            status = rn_optimizer_step_inside(&any, session->optimizer);
    }
    rn_gate_leave_exclusive(&parameters->gate);
    return status;
}
