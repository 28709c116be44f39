/* SPDX-License-Identifier: MIT */
/* Reading a pickle: one opcode after the other, until it stops. */
#include "checkpoint/unpickler.h"

#include "checkpoint/checkpoint.h"

enum { OPCODE_WORK = 16 };

static rn_status run(rn_unpickler *u)
{
    while (!u->stopped) {
        const unsigned char *opcode = rn_unpickler_take(u, 1);

        if (opcode == NULL && u->nbytes == RN_CHECKPOINT_PICKLE_BYTES)
            return rn_fail(u->message, RN_FORMAT, "%s: the pickle is larger than %d MiB", u->path,
                           (int)(RN_CHECKPOINT_PICKLE_BYTES >> 20));
        if (opcode == NULL)
            return rn_unpickler_damaged(u, "it has no end");
        const rn_opcode *rule = &rn_opcodes[*opcode];
        if (rule->run == NULL)
            return rn_fail(u->message, RN_FORMAT,
                           "%s: damaged pickle at byte %zu: opcode 0x%02x is not one that torch.save writes", u->path,
                           u->at - 1, *opcode);
        u->opcodes++;
        rn_status status = rn_unpickler_work(u, OPCODE_WORK);
        if (status == RN_OK)
            status = rule->run(u, rule->argument);
        if (status != RN_OK)
            return status;
    }
    return RN_OK;
}

rn_status rn_pickle_read(rn_pickle *pickle, rn_budget *budget, const char *path, const unsigned char *bytes,
                         size_t nbytes, rn_message *message)
{
    rn_unpickler u = { .pickle = pickle, .path = path, .message = message, .bytes = bytes };
    const rn_allocator *const allocator = &budget->allocator;
    const size_t before = budget->memory.left;

    *pickle = (rn_pickle){ .budget = budget };
    u.nbytes = nbytes < RN_CHECKPOINT_PICKLE_BYTES ? nbytes : RN_CHECKPOINT_PICKLE_BYTES;
    rn_status status = rn_budget_settle(budget, run(&u), path, message);
    pickle->consumed = u.at;
    pickle->charged = before - budget->memory.left;
    rn_release(allocator, u.stack);
    rn_release(allocator, u.marks);
    rn_release(allocator, u.memo);
    if (status != RN_OK)
        rn_pickle_release(pickle);
    return status;
}
