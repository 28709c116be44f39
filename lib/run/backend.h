/* SPDX-License-Identifier: MIT */
/* A backend: what executes the kinds of operations. A plan asks one for each of its operations when it is made. */
#ifndef RN_RUN_BACKEND_H
#define RN_RUN_BACKEND_H

#include "run/tape.h"

typedef struct rn_backend_row {
    const rn_kind *kind;
    void (*run)(const rn_tape *tape, const rn_operation *operation);
    /*
     * Called once, when the tape is written and before memory is laid out: bytes of scratch that the operation needs
     * for the numbers of images that it may see (SIZE_MAX: they cannot be counted). May add products. NULL: none.
     */
    size_t (*plan)(rn_tape *tape, int32_t operation);
} rn_backend_row;

typedef struct rn_backend {
    const char *name;
    const rn_backend_row *rows;         /* ends with kind NULL */
    const struct rn_backend *otherwise; /* asked for kinds without a row; NULL: RN_UNSUPPORTED */
} rn_backend;

extern const rn_backend rn_cpu;

/* Gives each operation its function, its scratch and its products. RN_UNSUPPORTED: a kind that the backend lacks. */
rn_status rn_backend_plan(const rn_backend *backend, rn_tape *tape);

#endif
