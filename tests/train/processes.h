/* SPDX-License-Identifier: MIT */
/* Training by several processes, which here are threads: an engine over their memory, and runs under it. */
#ifndef RN_TESTS_TRAIN_PROCESSES_H
#define RN_TESTS_TRAIN_PROCESSES_H

#include "train/runs.h"

#include <pthread.h>
#include <stdbool.h>

enum { PROCESSES = 8 }; /* at most */

/* What all processes share: whoever sends shows its message until the partner has copied it. */
typedef struct rn_test_wire {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool cut;          /* by an abort, or by a test */
    int aborts;        /* calls */
    char reason[1024]; /* of the first */
    long exchanges;    /* so far, of all */
    long cut_at;       /* the number of the exchange that finds the wire cut; 0: none */
    unsigned threads;  /* a bit a process: its engine may be called from any thread */
    int wrong;         /* exchanges beside another one, or from a thread that may not */
    struct {
        const void *bytes; /* NULL: none */
        size_t size;
    } box[PROCESSES][PROCESSES]; /* from, to */
} rn_test_wire;

typedef struct rn_test_process {
    rn_test_run run;
    rn_test_wire *wire;
    int rank, size;
    rn_trainer_options options; /* collective is set by rn_test_processes_run */
    int calls;                  /* of the progress callback, for tests that count them */
    int cancel_at;              /* the call that cancels; -1: none */
    rn_status status;
    pthread_t thread; /* that the trainer was called from */
    bool talks;       /* it is in an exchange */
} rn_test_process;

/* Opens `count` runs over the same photos with the same seeds and options. */
void rn_test_processes_open(rn_test_process *process, int count, const char *photos, const rn_trainer_options *options);
/* Each in a thread of its own makes its trainer and trains (rn_test_run_fit), or does `work`. */
void rn_test_processes_run(rn_test_process *process, int count, rn_test_wire *wire,
                           rn_status (*work)(rn_test_process *));
void rn_test_processes_close(rn_test_process *process, int count);
/* All three, with engines that may be called from any thread; fails the test unless all processes answer `expected`. */
void rn_test_processes(int count, const char *photos, const rn_trainer_options *options, int cancel_at,
                       rn_status expected);

#endif
