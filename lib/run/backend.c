/* SPDX-License-Identifier: MIT */
/* Asking a backend for what a tape needs of it. */
#include "run/backend.h"

const rn_backend_row *rn_backend_row_for(const rn_backend *backend, const rn_kind *kind)
{
    for (; backend != NULL; backend = backend->otherwise) {
        for (const rn_backend_row *row = backend->rows; row->kind != NULL; row++)
            if (row->kind == kind)
                return row;
    }
    return NULL;
}

rn_status rn_backend_plan(const rn_backend *backend, rn_tape *tape)
{
    rn_message *const message = &tape->context->message;

    for (int32_t i = 0; i < tape->operations && !tape->failed; i++) {
        const rn_backend_row *const row = rn_backend_row_for(backend, tape->operation[i].kind);
        size_t scratch;

        if (row == NULL)
            return rn_fail(message, RN_UNSUPPORTED, "the backend '%s' does not know how to compute '%s'", backend->name,
                           tape->operation[i].kind->name);
        scratch = row->plan == NULL ? 0 : row->plan(tape, i);
        if (scratch > SIZE_MAX / 4)
            return rn_fail(message, RN_NO_MEMORY, "a batch of this size does not fit the address space");
        if (scratch > 0) {
            const int32_t view = rn_tape_view(tape, rn_tape_numbers(tape, (int64_t)scratch, 1), 0, 1);

            tape->operation[i].operand[RN_SCRATCH] = rn_operand_of(view, RN_WRITE);
        }
        tape->operation[i].run = row->run;
    }
    return tape->failed ? rn_fail(message, RN_NO_MEMORY, "no memory for a plan") : RN_OK;
}
