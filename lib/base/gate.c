/* SPDX-License-Identifier: MIT */
/* The gate: a mutex guards a few counters and is never held while anybody works. */
#define _POSIX_C_SOURCE 200809L
#include "base/gate.h"

#include <unistd.h>

static bool begin(rn_gate *gate)
{
    gate->readers = gate->waiting_readers = gate->waiting_writers = 0;
    gate->phase = 0;
    gate->writing = false;
    gate->process = getpid();
    if (pthread_mutex_init(&gate->mutex, NULL) != 0)
        return false;
    if (pthread_cond_init(&gate->changed, NULL) == 0)
        return true;
    pthread_mutex_destroy(&gate->mutex);
    return false;
}

bool rn_gate_init(rn_gate *gate)
{
    return begin(gate);
}

void rn_gate_destroy(rn_gate *gate)
{
    if (gate->process != getpid())
        return; /* a forked child: the mutex may be held by a thread that is not there */
    pthread_cond_destroy(&gate->changed);
    pthread_mutex_destroy(&gate->mutex);
}

/*
 * In a forked child the one thread that there is finds the gate as the others left it. It begins anew before the child
 * can have started threads that share it: they get the gate from this thread.
 */
static void lock(rn_gate *gate)
{
    if (gate->process != getpid())
        begin(gate);
    pthread_mutex_lock(&gate->mutex);
}

void rn_gate_enter_shared(rn_gate *gate)
{
    lock(gate);
    if (gate->writing || gate->waiting_writers > 0) {
        const uint64_t arrived = gate->phase;

        gate->waiting_readers++;
        while (gate->phase == arrived)
            pthread_cond_wait(&gate->changed, &gate->mutex);
    } else {
        gate->readers++;
    }
    pthread_mutex_unlock(&gate->mutex);
}

void rn_gate_leave_shared(rn_gate *gate)
{
    lock(gate);
    if (--gate->readers == 0)
        pthread_cond_broadcast(&gate->changed);
    pthread_mutex_unlock(&gate->mutex);
}

void rn_gate_enter_exclusive(rn_gate *gate)
{
    lock(gate);
    gate->waiting_writers++;
    while (gate->writing || gate->readers > 0)
        pthread_cond_wait(&gate->changed, &gate->mutex);
    gate->waiting_writers--;
    gate->writing = true;
    pthread_mutex_unlock(&gate->mutex);
}

void rn_gate_leave_exclusive(rn_gate *gate)
{
    lock(gate);
    gate->writing = false;
    if (gate->waiting_readers > 0) {
        gate->readers += gate->waiting_readers;
        gate->waiting_readers = 0;
        gate->phase++;
    }
    pthread_cond_broadcast(&gate->changed);
    pthread_mutex_unlock(&gate->mutex);
}
