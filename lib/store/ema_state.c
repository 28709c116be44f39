/* SPDX-License-Identifier: MIT */
/* The state dict of a moving average. */
#include "checkpoint/checkpoint.h"
#include "optim/ema.h"
#include "store/keys.h"
#include "store/store.h"

#include "base/json.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { NAME_SIZE = 1024 + sizeof RN_EMA_PREFIX }; /* names of parameters are shorter than 1024 */

static const char *tensor_name(char name[NAME_SIZE], const rn_ema *ema, size_t index)
{
    snprintf(name, NAME_SIZE, RN_EMA_PREFIX "%s", ema->parameters->entry[index].name);
    return name;
}

static rn_status check_call(const rn_ema *ema, const rn_checkpoint *state, const char *call)
{
    if (ema == NULL)
        return rn_fail_null(call, "ema");
    if (state == NULL)
        return rn_fail(&ema->parameters->context->message, RN_INVALID_ARGUMENT, "%s: state is NULL", call);
    return ema->swapped
               ? rn_fail(&ema->parameters->context->message, RN_STATE, "the average stands in the model: swap it back")
               : RN_OK;
}

rn_status rn_ema_state_dict(rn_checkpoint *state, const rn_ema *ema)
{
    char name[NAME_SIZE], calls[32];
    rn_status status = check_call(ema, state, "rn_ema_state_dict");

    for (size_t i = 0; status == RN_OK && i < ema->parameters->count; i++) {
        rn_tensor *tensor;

        status = rn_ema_tensor(&tensor, ema, i);
        if (status != RN_OK)
            break;
        status = rn_checkpoint_share(state, tensor_name(name, ema, i), tensor);
        rn_tensor_destroy(tensor);
    }
    if (status != RN_OK)
        return status;
    snprintf(calls, sizeof calls, "%" PRIu64, ema->calls);
    return rn_checkpoint_set_metadata(state, RN_KEY_EMA, calls);
}

/* Calls of rn_ema_update; at most 2^53. */
static rn_status read_calls(uint64_t *calls, const rn_checkpoint *state, rn_message *message)
{
    const char *const text = rn_checkpoint_metadata(state, RN_KEY_EMA);
    rn_json *json = NULL;
    rn_status status = text == NULL ? RN_FORMAT : rn_json_parse(&json, text, strlen(text), message);

    if (status == RN_OK && !rn_json_size(calls, json))
        status = RN_FORMAT;
    rn_json_destroy(json);
    return status == RN_FORMAT ? rn_fail(message, status, "the checkpoint holds no average of weights") : status;
}

static rn_status check_tensors(const rn_ema *ema, const rn_checkpoint *state)
{
    rn_message *const message = &ema->parameters->context->message;
    char name[NAME_SIZE];

    for (size_t i = 0; i < ema->parameters->count; i++) {
        const rn_tensor *const value = ema->parameters->entry[i].value, *const tensor = rn_checkpoint_find(
                                                                            state, tensor_name(name, ema, i));

        if (tensor == NULL)
            return rn_fail(message, RN_FORMAT, "the checkpoint's average of weights lacks %s", name);
        if (rn_tensor_dtype(tensor) != value->dtype || !rn_tensor_same_shape(tensor, value))
            return rn_fail(message, RN_SHAPE, "%s has another shape or type than the model's", name);
    }
    return RN_OK;
}

rn_status rn_ema_load_state_dict(rn_ema *ema, const rn_checkpoint *state)
{
    char name[NAME_SIZE];
    uint64_t calls;
    rn_status status = check_call(ema, state, "rn_ema_load_state_dict");

    if (status == RN_OK)
        status = read_calls(&calls, state, &ema->parameters->context->message);
    if (status == RN_OK)
        status = check_tensors(ema, state);
    if (status == RN_OK)
        status = rn_ema_own(ema);
    if (status != RN_OK)
        return status;
    for (size_t i = 0; i < ema->parameters->count; i++)
        rn_parameters_lay_out(ema->parameters, i, ema->average[i]->memory,
                              rn_checkpoint_find(state, tensor_name(name, ema, i)));
    ema->calls = calls;
    return RN_OK;
}
