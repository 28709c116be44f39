/* SPDX-License-Identifier: MIT */
#include "train/team.h"

#include "base/options.h"

RN_NO_TAIL_PADDING(rn_collective, reserved);

rn_status rn_team_begin(rn_team *team, rn_context *context, const rn_collective *engine)
{
    rn_message *const message = &context->message;
    rn_status status;

    *team = (rn_team){ .context = context, .engine = { .size = 1 } };
    if (engine == NULL)
        return RN_OK;
    status = rn_options_read(&team->engine, sizeof team->engine, engine, message);
    if (status == RN_OK)
        status = rn_options_reserved(team->engine.reserved, "a collective", message);
    if (status == RN_OK && (team->engine.size < 1 || team->engine.size > RN_TEAM_LIMIT ||
                            (team->engine.size & (team->engine.size - 1)) != 0))
        status =
            rn_fail(message, RN_INVALID_ARGUMENT, "%d processes: their number has to be a power of two, and at most %d",
                    (int)team->engine.size, RN_TEAM_LIMIT);
    if (status == RN_OK && (team->engine.rank < 0 || team->engine.rank >= team->engine.size))
        status =
            rn_fail(message, RN_INVALID_ARGUMENT, "process %d of %d", (int)team->engine.rank, (int)team->engine.size);
    if (status == RN_OK && team->engine.size > 1 && (team->engine.exchange == NULL || team->engine.abort == NULL))
        status = rn_fail(message, RN_INVALID_ARGUMENT, "a collective lacks its function %s",
                         team->engine.exchange == NULL ? "exchange" : "abort");
    if (status != RN_OK)
        team->engine = (rn_collective){ .size = 1 };
    return status;
}

bool rn_team_leads(const rn_team *team)
{
    return team->engine.rank == 0;
}

/* ---- moving bytes ------------------------------------------------------------------------------------------------ */

bool rn_team_reaches(rn_team *team, int32_t partner, const void *send, size_t send_bytes, void *receive,
                     size_t receive_bytes)
{
    const rn_collective *const engine = &team->engine;

    if (team->broken)
        return false;
    team->broken = engine->exchange(engine->payload, partner, send, send_bytes, receive, receive_bytes) != RN_OK;
    team->lost = partner;
    return !team->broken;
}

rn_status rn_team_lost(rn_team *team)
{
    return rn_fail(&team->context->message, RN_IO,
                   "process %d of %d has lost process %d: the run ends for all, and goes on from its last checkpoint "
                   "when it is resumed",
                   (int)team->engine.rank, (int)team->engine.size, (int)team->lost);
}

rn_status rn_team_exchange(rn_team *team, int32_t partner, const void *send, size_t send_bytes, void *receive,
                           size_t receive_bytes)
{
    return rn_team_reaches(team, partner, send, send_bytes, receive, receive_bytes) ? RN_OK : rn_team_lost(team);
}

rn_status rn_team_gather(rn_team *team, void *all, size_t bytes)
{
    const int32_t rank = team->engine.rank;
    rn_status status = RN_OK;

    for (int32_t d = 1; d < team->engine.size && status == RN_OK; d *= 2) {
        const int32_t partner = rank ^ d, mine = rank & -d, theirs = partner & -d; /* the first of d neighbours */

        status = rn_team_exchange(team, partner, (char *)all + (size_t)mine * bytes, (size_t)d * bytes,
                                  (char *)all + (size_t)theirs * bytes, (size_t)d * bytes);
    }
    return status;
}

rn_status rn_team_broadcast(rn_team *team, int32_t root, void *data, size_t bytes)
{
    const int32_t rank = team->engine.rank, place = rank ^ root;
    rn_status status = RN_OK;

    for (int32_t d = 1; d < team->engine.size && status == RN_OK; d *= 2) {
        if (place < d)
            status = rn_team_exchange(team, rank ^ d, data, bytes, NULL, 0);
        else if (place < 2 * d)
            status = rn_team_exchange(team, rank ^ d, NULL, 0, data, bytes);
    }
    return status;
}

/* ---- agreeing ---------------------------------------------------------------------------------------------------- */

rn_status rn_team_settle(rn_team *team, const int32_t *said)
{
    rn_message *const message = &team->context->message;
    int32_t first = 0;
    rn_message reason;
    rn_status status;

    while (first < team->engine.size && said[first] == RN_OK)
        first++;
    if (first == team->engine.size)
        return RN_OK;
    reason = *message;
    status = rn_team_broadcast(team, first, reason.text, sizeof reason.text);
    if (status != RN_OK)
        return status;
    team->agreed = true;
    reason.text[sizeof reason.text - 1] = '\0';
    return first == team->engine.rank ? (rn_status)said[first]
                                      : rn_fail(message, (rn_status)said[first], "process %d of %d: %s", (int)first,
                                                (int)team->engine.size, reason.text);
}

rn_status rn_team_agree(rn_team *team, rn_status mine)
{
    int32_t said[RN_TEAM_LIMIT] = { 0 };
    rn_status status;

    if (team->engine.size == 1 || team->agreed)
        return mine;
    if (team->broken) /* the message says so */
        return mine != RN_OK ? mine : RN_IO;
    said[team->engine.rank] = mine;
    status = rn_team_gather(team, said, sizeof said[0]);
    return status == RN_OK ? rn_team_settle(team, said) : status;
}

rn_status rn_team_maximum(rn_team *team, int32_t *value)
{
    int32_t all[RN_TEAM_LIMIT] = { 0 };
    rn_status status;

    all[team->engine.rank] = *value;
    status = rn_team_gather(team, all, sizeof all[0]);
    for (int32_t i = 0; i < team->engine.size; i++)
        *value = all[i] > *value ? all[i] : *value;
    return status;
}

rn_status rn_team_end(rn_team *team, rn_status status)
{
    if (status != RN_OK && team->engine.size > 1 && !team->agreed)
        team->engine.abort(team->engine.payload, team->context->message.text);
    team->agreed = false;
    return status;
}

rn_status rn_team_compare(rn_team *team, const rn_team_item *items, size_t count)
{
    const int32_t size = team->engine.size;
    uint64_t values[RN_TEAM_LIMIT];
    rn_status status = RN_OK;

    for (size_t i = 0; i < count && status == RN_OK; i++) {
        values[team->engine.rank] = items[i].value;
        status = rn_team_gather(team, values, sizeof values[0]);
        for (int32_t process = 1; process < size && status == RN_OK; process++) {
            if (values[process] == values[0])
                continue;
            team->agreed = true;
            status = rn_fail(&team->context->message, RN_STATE,
                             "process %d of %d has another %s than process 0: all have to run the same", (int)process,
                             (int)size, items[i].name);
        }
    }
    return status;
}
