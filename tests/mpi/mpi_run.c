/* SPDX-License-Identifier: MIT */
/*
 * A process of a run under mpirun, for check_mpi.sh and check_two_hosts.sh.
 *
 *   mpi_run photos DIRECTORY [COUNT]           writes the photos of the other calls: so many a class to train with
 *   mpi_run train PHOTOS OUT [killed|slowly]   trains or resumes; process 1 is killed in the second phase; or every
 *                                              batch takes a tenth of a second, so that a script can interfere
 *   mpi_run messages BYTES COUNT               how long two processes take to exchange so many, a mean of COUNT
 */
#define _POSIX_C_SOURCE 200809L
#include "train/runs.h"

#include <resnet_mpi.h>
#include <signal.h>
#include <time.h>

static int32_t kill_later(const rn_progress *progress, void *payload)
{
    const rn_collective *const collective = payload;

    if (collective->rank == 1 && strcmp(progress->phase, "all") == 0 && progress->epoch == 1 && progress->batch == 2)
        raise(SIGKILL);
    return RN_FIT_GO_ON;
}

static int32_t wait_a_little(const rn_progress *progress, void *payload)
{
    (void)progress;
    (void)payload;
    nanosleep(&(struct timespec){ .tv_nsec = 100000000 }, NULL);
    return RN_FIT_GO_ON;
}

static rn_progress_function progress_of(const char *what)
{
    return what == NULL ? NULL : strcmp(what, "killed") == 0 ? kill_later : wait_a_little;
}

static int train(const char *photos, const char *directory, const char *what)
{
    rn_test_run run = rn_test_run_open(photos, 7);
    rn_collective *collective;
    rn_status status;

    if (rn_mpi_collective_create(&collective, MPI_COMM_WORLD) != RN_OK)
        return 1;
    status = rn_trainer_create(&run.trainer, run.model, run.train, run.valid,
                               RN_OPTIONS(rn_trainer, .directory = directory, .batch_size = RUN_BATCH, .resume = 1,
                                          .collective = collective, .progress = progress_of(what),
                                          .progress_payload = collective));
    if (status == RN_OK)
        status = rn_test_run_fit(&run);
    if (status != RN_OK)
        fprintf(stderr, "%s\n", rn_context_message(run.context));
    rn_test_run_close(&run);
    rn_mpi_collective_destroy(collective);
    return status != RN_OK;
}

static int exchange_messages(size_t bytes, int count)
{
    char *const sent = calloc(2, bytes + 1);
    rn_collective *collective;
    double begun = 0;

    if (sent == NULL || rn_mpi_collective_create(&collective, MPI_COMM_WORLD) != RN_OK || collective->size != 2)
        return 1;
    for (int i = -2; i < count; i++) { /* two that open the connection and the windows of TCP */
        if (i == 0)
            begun = MPI_Wtime();
        if (collective->exchange(collective->payload, 1 - collective->rank, sent, bytes, sent + bytes, bytes) != RN_OK)
            return 1;
    }
    if (collective->rank == 0)
        printf("%zu bytes: %.4f s a message\n", bytes, (MPI_Wtime() - begun) / count);
    rn_mpi_collective_destroy(collective);
    free(sent);
    return 0;
}

int main(int argc, char **argv)
{
    int answer;

    if ((argc == 3 || argc == 4) && strcmp(argv[1], "photos") == 0) {
        rn_test_photos(argv[2], "train", RUN_CLASSES, argc == 4 ? atoi(argv[3]) : RUN_TRAIN, RUN_SIDE, 1);
        rn_test_photos(argv[2], "valid", RUN_CLASSES, RUN_VALID, RUN_SIDE, 2);
        return 0;
    }
    if (argc < 4)
        return 2;
    if (rn_mpi_collective_create(&(rn_collective *){ NULL }, MPI_COMM_WORLD) != RN_STATE) /* not before MPI_Init */
        return 3;
    MPI_Init_thread(&argc, &argv, MPI_THREAD_SERIALIZED, &(int){ 0 });
    if (strcmp(argv[1], "messages") == 0)
        answer = exchange_messages((size_t)atol(argv[2]), atoi(argv[3]));
    else
        answer = train(argv[2], argv[3], argc > 4 ? argv[4] : NULL);
    MPI_Finalize();
    return answer;
}
