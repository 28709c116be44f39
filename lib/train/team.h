/* SPDX-License-Identifier: MIT */
/*
 * The processes of a run, by way of the one call that an engine has (resnet/collective.h). All are powers of two, so
 * that every pattern is a hypercube: in step d = 1, 2, 4, ... process r meets process r ^ d.
 *
 * Failures: a call that may fail in one process alone is followed by rn_team_agree, after which all answer the same. A
 * failure that the others cannot know of ends the run for all (rn_team_end): nobody waits for a process that has left.
 */
#ifndef RN_TRAIN_TEAM_H
#define RN_TRAIN_TEAM_H

#include "context/context.h"
#include <resnet/collective.h>

enum { RN_TEAM_LIMIT = 256 }; /* processes, and slices of a batch */

typedef struct rn_team {
    rn_context *context; /* borrowed; its message is what is said */
    rn_collective engine;
    bool agreed;  /* all know of the failure */
    bool broken;  /* an exchange has failed */
    int32_t lost; /* whose it was */
} rn_team;

/* Takes the table over; NULL: one process. RN_INVALID_ARGUMENT. */
rn_status rn_team_begin(rn_team *team, rn_context *context, const rn_collective *engine);
/* True in one process, which writes files. */
bool rn_team_leads(const rn_team *team);

/* As the engine's; false: it has failed, after which the team is broken and nobody is called any more. Says nothing, so
 * that it may be called by another thread, beside none of the calls below. */
bool rn_team_reaches(rn_team *team, int32_t partner, const void *send, size_t send_bytes, void *receive,
                     size_t receive_bytes);
/* The sentence for it: RN_IO. */
rn_status rn_team_lost(rn_team *team);
/* Both. */
rn_status rn_team_exchange(rn_team *team, int32_t partner, const void *send, size_t send_bytes, void *receive,
                           size_t receive_bytes);
/* `all` holds `bytes` bytes a process, in their order; that of this one is filled in. */
rn_status rn_team_gather(rn_team *team, void *all, size_t bytes);
/* `data` of process `root` becomes everybody's. */
rn_status rn_team_broadcast(rn_team *team, int32_t root, void *data, size_t bytes);

/*
 * RN_OK if all say RN_OK; else what the first process that does not says, with its sentence. To be called by all; one
 * that failed earlier than where the others wait may call it at once.
 */
rn_status rn_team_agree(rn_team *team, rn_status mine);
/* The same with what all said known already: one for each process. */
rn_status rn_team_settle(rn_team *team, const int32_t *said);

/* *value becomes the greatest of all. */
rn_status rn_team_maximum(rn_team *team, int32_t *value);

/* The end of a public call: where only this process knows of the failure, the run ends for all. Gives `status` back. */
rn_status rn_team_end(rn_team *team, rn_status status);

/* Something that must be the same everywhere, and what a sentence calls it: "has another %s". */
typedef struct rn_team_item {
    const char *name;
    uint64_t value;
} rn_team_item;

/* RN_STATE, in all processes alike, names the first item that differs and in which process. */
rn_status rn_team_compare(rn_team *team, const rn_team_item *items, size_t count);

#endif
