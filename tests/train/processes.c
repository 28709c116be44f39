/* SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "train/processes.h"

/* ---- the engine -------------------------------------------------------------------------------------------------- */

static void wait_until(rn_test_wire *wire, const void *const *box, bool full)
{
    while (!wire->cut && (*box != NULL) != full)
        pthread_cond_wait(&wire->changed, &wire->lock);
}

static rn_status exchange(void *payload, int32_t partner, const void *send, size_t send_bytes, void *receive,
                          size_t receive_bytes)
{
    static const char nothing;
    rn_test_process *const own = payload;
    rn_test_wire *const wire = own->wire;
    rn_status status = RN_OK;

    pthread_mutex_lock(&wire->lock);
    wire->wrong += own->talks || ((wire->threads >> own->rank & 1) == 0 && !pthread_equal(own->thread, pthread_self()));
    own->talks = true;
    if (++wire->exchanges == wire->cut_at)
        wire->cut = true;
    wire->box[own->rank][partner].size = send_bytes;
    wire->box[own->rank][partner].bytes = send != NULL ? send : &nothing;
    pthread_cond_broadcast(&wire->changed);
    wait_until(wire, &wire->box[partner][own->rank].bytes, true);
    if (wire->cut || wire->box[partner][own->rank].size != receive_bytes) {
        wire->cut = true;
        status = RN_IO;
    } else if (receive_bytes > 0) {
        memcpy(receive, wire->box[partner][own->rank].bytes, receive_bytes);
    }
    wire->box[partner][own->rank].bytes = NULL;
    pthread_cond_broadcast(&wire->changed);
    wait_until(wire, &wire->box[own->rank][partner].bytes, false);
    own->talks = false;
    pthread_mutex_unlock(&wire->lock);
    return status;
}

static void end_all(void *payload, const char *reason)
{
    rn_test_wire *const wire = ((const rn_test_process *)payload)->wire;

    pthread_mutex_lock(&wire->lock);
    if (wire->aborts++ == 0)
        snprintf(wire->reason, sizeof wire->reason, "%s", reason);
    wire->cut = true;
    pthread_cond_broadcast(&wire->changed);
    pthread_mutex_unlock(&wire->lock);
}

/* ---- runs -------------------------------------------------------------------------------------------------------- */

static int32_t count_calls(const rn_progress *progress, void *payload)
{
    rn_test_process *const process = payload;

    (void)progress;
    return process->calls++ == process->cancel_at ? RN_FIT_CANCEL : RN_FIT_GO_ON;
}

void rn_test_processes_open(rn_test_process *process, int count, const char *photos, const rn_trainer_options *options)
{
    assert_true(count <= PROCESSES);
    for (int i = 0; i < count; i++) {
        process[i] = (rn_test_process){ .run = rn_test_run_open(photos, 7), .options = *options, .cancel_at = -1 };
        process[i].options.struct_size = sizeof *options;
    }
}

static rn_status train(rn_test_process *process)
{
    rn_test_run *const run = &process->run;
    const rn_status status = rn_trainer_create(&run->trainer, run->model, run->train, run->valid, &process->options);

    return status == RN_OK ? rn_test_run_fit(run) : status;
}

typedef struct thread_job {
    rn_test_process *process;
    rn_status (*work)(rn_test_process *);
} thread_job;

static void *run_thread(void *payload)
{
    const thread_job *const job = payload;

    job->process->thread = pthread_self();
    job->process->status = job->work(job->process);
    return NULL;
}

void rn_test_processes_run(rn_test_process *process, int count, rn_test_wire *wire,
                           rn_status (*work)(rn_test_process *))
{
    pthread_t thread[PROCESSES];
    thread_job job[PROCESSES];
    rn_collective collective[PROCESSES];

    pthread_mutex_init(&wire->lock, NULL);
    pthread_cond_init(&wire->changed, NULL);
    for (int i = 0; i < count; i++) {
        rn_test_process *const own = &process[i];

        own->wire = wire;
        own->rank = i;
        own->size = count;
        collective[i] = (rn_collective){
            sizeof *collective, own, i, count, exchange, end_all, .any_thread = (int32_t)(wire->threads >> i & 1)
        };
        own->options.collective = &collective[i];
        if (own->options.progress == NULL) {
            own->options.progress = count_calls;
            own->options.progress_payload = own;
        }
        job[i] = (thread_job){ own, work != NULL ? work : train };
    }
    for (int i = 1; i < count; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, run_thread, &job[i]), 0);
    run_thread(&job[0]);
    for (int i = 1; i < count; i++)
        pthread_join(thread[i], NULL);
    assert_int_equal(wire->wrong, 0);
    pthread_cond_destroy(&wire->changed);
    pthread_mutex_destroy(&wire->lock);
}

void rn_test_processes_close(rn_test_process *process, int count)
{
    for (int i = 0; i < count; i++)
        rn_test_run_close(&process[i].run);
}

void rn_test_processes(int count, const char *photos, const rn_trainer_options *options, int cancel_at,
                       rn_status expected)
{
    rn_test_process process[PROCESSES];
    rn_test_wire wire = { .threads = ~0u };

    rn_test_processes_open(process, count, photos, options);
    process[count - 1].cancel_at = cancel_at; /* one is enough */
    rn_test_processes_run(process, count, &wire, NULL);
    for (int i = 0; i < count; i++)
        require_status(process[i].run.context, process[i].status, expected);
    assert_int_equal(wire.aborts, 0);
    rn_test_processes_close(process, count);
}
