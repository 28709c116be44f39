/* SPDX-License-Identifier: MIT */
/* One use of a reader or writer, to be repeated with one call to the system failing. */
#ifndef RN_TESTS_TORTURE_H
#define RN_TESTS_TORTURE_H

#include "support/support.h"

/* What a scenario has while it runs. `directory` is empty at first; all objects are destroyed at the end. */
typedef struct torture_place {
    const char *directory;
    rn_context *context; /* one thread */
    rn_model *model;
    rn_checkpoint *file;
    rn_dataset *train, *valid;
} torture_place;

typedef struct torture_scenario {
    const char *name;
    void (*prepare)(torture_place *place); /* NULL: nothing. Nothing fails here */
    rn_status (*run)(torture_place *place);
    void (*check)(torture_place *place); /* NULL: nothing. Nothing fails here, and `place` has only its directory */
    /* The file in the directory that `run` replaces: after a failure it is what it was or what it should become. */
    const char *target;
} torture_scenario;

extern const torture_scenario torture_files[], torture_runs[]; /* a scenario without a name ends each */

#endif
