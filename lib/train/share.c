/* SPDX-License-Identifier: MIT */
#include "train/shared.h"

#include "base/json.h"
#include "optim/ema.h"
#include "optim/schedule.h"
#include "train/statistics.h"

#include <string.h>

/* ---- weights ----------------------------------------------------------------------------------------------------- */

/* Parameters where they lie; buffers, of which some are no floats, by statistics.h. */
static rn_status share_parameters(rn_team *team, rn_parameters *parameters)
{
    rn_status status = RN_OK;

    for (size_t i = 0; i < parameters->count && status == RN_OK; i++) {
        const rn_parameter *const entry = &parameters->entry[i];

        if (!entry->is_parameter)
            continue;
        status = rn_team_broadcast(team, 0, rn_parameters_floats(parameters, i), (size_t)entry->count * sizeof(float));
        if (!rn_team_leads(team))
            rn_parameters_written(parameters, i);
    }
    return status;
}

static rn_status share_buffers(rn_team *team, rn_parameters *parameters)
{
    const rn_allocator *const allocator = &team->context->allocator;
    const size_t size = rn_statistics_bytes(parameters);
    char *const bytes = rn_allocate(allocator, size + 1);
    rn_status status;

    if (bytes == NULL)
        return rn_fail(&team->context->message, RN_NO_MEMORY, "no memory for running statistics");
    rn_statistics_copy(bytes, parameters);
    status = rn_team_broadcast(team, 0, bytes, size);
    if (status == RN_OK)
        status = rn_statistics_restore(parameters, bytes, &team->context->message);
    rn_release(allocator, bytes);
    return status;
}

rn_status rn_share_values(rn_team *team, rn_model *model)
{
    rn_parameters *const parameters = rn_model_parameters(model);
    rn_status status;

    if (team->engine.size == 1)
        return RN_OK;
    status = rn_parameters_begin_write(parameters, &team->context->message);
    if (status != RN_OK)
        return status;
    status = share_parameters(team, parameters);
    rn_parameters_end_change(parameters);
    return status == RN_OK ? share_buffers(team, parameters) : status;
}

/* ---- the run ----------------------------------------------------------------------------------------------------- */

/* The text of process 0, which has to be released with rn_release; its own is NULL. */
static rn_status share_text(char **copy, rn_trainer *trainer)
{
    const rn_allocator *const allocator = &trainer->context->allocator;
    rn_message *const message = &trainer->context->message;
    rn_team *const team = &trainer->team;
    char *text = NULL;
    uint64_t length = 0;
    rn_status status = RN_OK;

    *copy = NULL;
    if (rn_team_leads(team)) {
        status = rn_train_state_write(&text, &trainer->state, message);
        length = status == RN_OK ? strlen(text) : 0;
    }
    if (status == RN_OK)
        status = rn_team_broadcast(team, 0, &length, sizeof length);
    if (status == RN_OK && !rn_team_leads(team)) {
        *copy = rn_allocate_zeroed(allocator, (size_t)length + 1, 1);
        if (*copy == NULL)
            status = rn_fail(message, RN_NO_MEMORY, "no memory for the state of the training");
    }
    if (status == RN_OK)
        status = rn_team_broadcast(team, 0, rn_team_leads(team) ? text : *copy, (size_t)length);
    rn_json_release_text(text);
    return status;
}

rn_status rn_share_run(rn_trainer *trainer)
{
    const rn_allocator *const allocator = &trainer->context->allocator;
    rn_train_state found;
    char *text;
    int32_t at_start = trainer->at_start;
    rn_status status;

    if (trainer->team.engine.size == 1)
        return RN_OK;
    status = rn_team_broadcast(&trainer->team, 0, &at_start, sizeof at_start);
    if (status == RN_OK)
        status = share_text(&text, trainer);
    if (status != RN_OK)
        return status;
    if (text != NULL)
        status = rn_train_state_read(&found, text, allocator, &trainer->context->message);
    if (status == RN_OK && text != NULL) {
        rn_train_state_release(&trainer->state, allocator);
        trainer->state = found;
    }
    rn_release(allocator, text);
    trainer->at_start = at_start != 0;
    return status == RN_OK ? rn_share_values(&trainer->team, trainer->model) : status;
}

/* ---- the optimizer ----------------------------------------------------------------------------------------------- */

/* The slots of one parameter; -1 steps: it has none. */
static rn_status share_slots(rn_team *team, rn_optimizer *optimizer, size_t parameter)
{
    rn_optimizer_state *const state = &optimizer->state[parameter];
    const int32_t slots = rn_optimizer_slot_count(optimizer);
    int64_t steps = slots > 0 && state->storage[0] == NULL ? -1 : state->steps;
    rn_status status = rn_team_broadcast(team, 0, &steps, sizeof steps);

    if (status == RN_OK && steps >= 0)
        status = rn_optimizer_own_state(optimizer, parameter);
    if (status != RN_OK || steps < 0)
        return status;
    state->steps = steps;
    for (int32_t i = 0; i < slots && status == RN_OK; i++)
        status = rn_team_broadcast(team, 0, state->slot[i],
                                   (size_t)optimizer->parameters->entry[parameter].count * sizeof(float));
    return status;
}

/* What a scheduler remembers, and its parts; rates are the optimizer's. */
static rn_status share_scheduler(rn_team *team, rn_scheduler *scheduler)
{
    double memory[] = { (double)scheduler->epoch, scheduler->best, (double)scheduler->bad_epochs,
                        (double)scheduler->cooldown_left };
    rn_status status = rn_team_broadcast(team, 0, memory, sizeof memory);

    scheduler->epoch = (int64_t)memory[0];
    scheduler->best = memory[1];
    scheduler->bad_epochs = (int64_t)memory[2];
    scheduler->cooldown_left = (int64_t)memory[3];
    for (size_t i = 0; scheduler->part != NULL && i <= scheduler->milestone_count && status == RN_OK; i++)
        status = share_scheduler(team, scheduler->part[i]);
    if (status == RN_OK && scheduler->schedule->restored != NULL)
        scheduler->schedule->restored(scheduler);
    return status;
}

rn_status rn_share_optimizer(rn_trainer *trainer)
{
    rn_team *const team = &trainer->team;
    rn_optimizer *const optimizer = trainer->optimizer;
    rn_status status;

    if (team->engine.size == 1)
        return RN_OK;
    status = share_scheduler(team, trainer->scheduler);
    if (status == RN_OK)
        status = rn_team_broadcast(team, 0, optimizer->group, optimizer->group_count * sizeof *optimizer->group);
    for (size_t i = 0; i < optimizer->parameters->count && status == RN_OK; i++)
        if (optimizer->parameters->entry[i].is_parameter && optimizer->group_of[i] >= 0)
            status = share_slots(team, optimizer, i);
    return status == RN_OK ? rn_share_average(trainer) : status;
}

rn_status rn_share_average(rn_trainer *trainer)
{
    rn_ema *const ema = trainer->ema;
    rn_team *const team = &trainer->team;
    rn_status status;

    if (ema == NULL || team->engine.size == 1)
        return RN_OK;
    status = rn_team_broadcast(team, 0, &ema->calls, sizeof ema->calls);
    if (status == RN_OK)
        status = rn_ema_own(ema);
    for (size_t i = 0; i < ema->parameters->count && status == RN_OK; i++)
        status = rn_team_broadcast(team, 0, ema->average[i]->memory, rn_ema_bytes(ema, i));
    return status;
}
