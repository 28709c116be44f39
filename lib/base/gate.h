/* SPDX-License-Identifier: MIT */
/*
 * A reader/writer gate that starves nobody: a writer that waits keeps new readers out, and a writer that leaves lets
 * the readers in that waited for it before the next writer ("phase-fair", Brandenburg and Anderson, ECRTS 2009). So
 * either side waits for what is running now and for no more than one of the other.
 *
 * Not recursive: a thread inside must not enter again. In a child that was forked while other threads were inside, the
 * gate begins anew: those threads do not exist there.
 */
#ifndef RN_BASE_GATE_H
#define RN_BASE_GATE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

typedef struct rn_gate {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    int64_t readers, waiting_readers, waiting_writers;
    uint64_t phase; /* rises when a leaving writer lets the waiting readers in */
    bool writing;
    pid_t process; /* that the numbers are true in */
} rn_gate;

bool rn_gate_init(rn_gate *gate); /* false without resources */
void rn_gate_destroy(rn_gate *gate);
void rn_gate_enter_shared(rn_gate *gate);
void rn_gate_leave_shared(rn_gate *gate);
void rn_gate_enter_exclusive(rn_gate *gate);
void rn_gate_leave_exclusive(rn_gate *gate);

#endif
