/* SPDX-License-Identifier: MIT */
/* A backend: what executes the kinds of operations. A plan asks one for each of its operations when it is made. */
#ifndef RN_RUN_BACKEND_H
#define RN_RUN_BACKEND_H

#include "run/tape.h"

/* What is asked of an operation's maps where some are of halves (halve.c). */
typedef enum rn_halving {
    RN_NOT_HALVED, /* all are of floats */
    RN_X_HALVED,   /* X and DX may be of halves */
    RN_ALL_HALVED, /* all are of halves, or none */
    RN_ANY_HALVED  /* each for itself, but for OTHER, which is like Y */
} rn_halving;

typedef struct rn_backend_row {
    const rn_kind *kind;
    void (*run)(const rn_tape *tape, const rn_operation *operation);
    /*
     * Called once, when the tape is written and before memory is laid out: bytes of scratch that the operation needs
     * for the numbers of images that it may see (SIZE_MAX: they cannot be counted). May add products. NULL: none.
     */
    size_t (*plan)(rn_tape *tape, int32_t operation);
    rn_halving (*halves)(const rn_tape *tape, const rn_operation *operation); /* NULL: RN_NOT_HALVED */
} rn_backend_row;

typedef struct rn_backend {
    const char *name;
    const rn_backend_row *rows;         /* ends with kind NULL */
    const struct rn_backend *otherwise; /* asked for kinds without a row; NULL: RN_UNSUPPORTED */
} rn_backend;

extern const rn_backend rn_cpu;

/* The backend's row of a kind; NULL: it has none. */
const rn_backend_row *rn_backend_row_for(const rn_backend *backend, const rn_kind *kind);

/* Gives each operation its function, its scratch and its products. RN_UNSUPPORTED: a kind that the backend lacks. */
rn_status rn_backend_plan(const rn_backend *backend, rn_tape *tape);

#endif
