/* SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "common/machines.h"
#include "common/text.h"

#include <stdlib.h>
#include <time.h>

#ifdef WITH_MPI
#include <resnet_mpi.h>
#endif

/* What Open MPI, MPICH's hydra and Slurm (PMI-2, PMIx) tell a process that they start. */
static int is_started_with_others(void)
{
    static const char *const names[] = { "OMPI_COMM_WORLD_SIZE", "PMI_RANK", "PMIX_RANK" };

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (getenv(names[i]) != NULL)
            return 1;
    return 0;
}

#ifdef WITH_MPI

static rn_collective *joined;
static int all_failed = -1; /* -1: not asked yet */

int machines_join(const rn_collective **collective, const char *program)
{
    rn_status status = RN_OK;

    *collective = NULL;
    if (!is_started_with_others())
        return 1;
    MPI_Init_thread(NULL, NULL, MPI_THREAD_SERIALIZED, &(int){ 0 }); /* with less they talk after each backward */
    status = rn_mpi_collective_create(&joined, MPI_COMM_WORLD);
    if (status != RN_OK) {
        text_line(stderr, "%s: the processes cannot reach each other by MPI: %s", program, rn_status_string(status));
        return 0;
    }
    *collective = joined;
    return joined->rank == 0 || freopen("/dev/null", "w", stdout) != NULL;
}

int machines_first(void)
{
    return joined == NULL || joined->rank == 0;
}

void machines_say(FILE *stream, int slices)
{
    if (joined != NULL)
        text_line(stream, "processes: %d together, each batch in %d slices", (int)joined->size,
                  slices != 0 ? slices : 8);
}

/* True if all processes come here within two seconds. */
static int all_arrive(void)
{
    const struct timespec moment = { .tv_nsec = 10000000 };
    MPI_Request request;
    int arrived = 0;

    if (MPI_Ibarrier(MPI_COMM_WORLD, &request) != MPI_SUCCESS)
        return 0;
    for (int i = 0; i < 200 && !arrived; i++) {
        if (MPI_Test(&request, &arrived, MPI_STATUS_IGNORE) != MPI_SUCCESS)
            return 0;
        if (!arrived)
            nanosleep(&moment, NULL);
    }
    return arrived;
}

int machines_speak(void)
{
    if (joined == NULL)
        return 1;
    if (all_failed < 0)
        all_failed = all_arrive();
    return joined->rank == 0 || !all_failed;
}

int machines_leave(int answer)
{
    if (joined == NULL)
        return answer;
    if (answer != 0 && all_failed < 0)
        all_failed = all_arrive();
    fflush(stdout);
    fflush(stderr);
    if (answer != 0 && !all_failed)
        MPI_Abort(MPI_COMM_WORLD, answer);
    rn_mpi_collective_destroy(joined);
    joined = NULL;
    MPI_Finalize();
    return answer;
}

#else

int machines_join(const rn_collective **collective, const char *program)
{
    *collective = NULL;
    if (!is_started_with_others())
        return 1;
    text_line(stderr, "%s: built without MPI: the processes that were started with it would all do the same", program);
    return 0;
}

int machines_first(void)
{
    return 1;
}

void machines_say(FILE *stream, int slices)
{
    (void)stream;
    (void)slices;
}

int machines_speak(void)
{
    return 1;
}

int machines_leave(int answer)
{
    return answer;
}

#endif
