/* SPDX-License-Identifier: MIT */
#include <resnet_mpi.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

/* MPI counts in int: longer messages go in pieces of this many bytes. */
enum { PIECE = 1 << 30 };

typedef struct engine {
    rn_collective collective; /* first */
    MPI_Comm communicator;
    bool broken;
} engine;

static int piece_of(size_t bytes)
{
    return bytes < PIECE ? (int)bytes : PIECE;
}

static rn_status exchange(void *payload, int32_t partner, const void *send, size_t send_bytes, void *receive,
                          size_t receive_bytes)
{
    engine *const e = payload;
    const char *from = send;
    char *to = receive;

    do { /* both ends cut alike, and a message without bytes still meets its partner */
        const int sent = piece_of(send_bytes), received = piece_of(receive_bytes);

        e->broken = e->broken || MPI_Sendrecv(from, sent, MPI_BYTE, partner, 0, to, received, MPI_BYTE, partner, 0,
                                              e->communicator, MPI_STATUS_IGNORE) != MPI_SUCCESS;
        if (e->broken)
            return RN_IO;
        from = from != NULL ? from + sent : NULL;
        to = to != NULL ? to + received : NULL;
        send_bytes -= (size_t)sent;
        receive_bytes -= (size_t)received;
    } while (send_bytes > 0 || receive_bytes > 0);
    return RN_OK;
}

static void end_all(void *payload, const char *reason)
{
    const engine *const e = payload;

    fprintf(stderr, "process %d of %d: %s\n", (int)e->collective.rank, (int)e->collective.size, reason);
    fflush(stderr);
    MPI_Abort(e->communicator, 1);
}

/* Of the library's calls there is one at a time: that is all a thread of its own asks for. */
static bool may_call_from_any_thread(void)
{
    int level = MPI_THREAD_SINGLE;

    return MPI_Query_thread(&level) == MPI_SUCCESS && level >= MPI_THREAD_SERIALIZED;
}

static bool is_running(void)
{
    int begun = 0, ended = 0;

    return MPI_Initialized(&begun) == MPI_SUCCESS && begun && MPI_Finalized(&ended) == MPI_SUCCESS && !ended;
}

rn_status rn_mpi_collective_create(rn_collective **collective, MPI_Comm communicator)
{
    engine *made;
    int rank, size;

    if (collective == NULL)
        return RN_INVALID_ARGUMENT;
    *collective = NULL;
    if (!is_running())
        return RN_STATE;
    made = calloc(1, sizeof *made);
    if (made == NULL)
        return RN_NO_MEMORY;
    if (MPI_Comm_dup(communicator, &made->communicator) != MPI_SUCCESS) {
        free(made);
        return RN_IO;
    }
    MPI_Comm_set_errhandler(made->communicator, MPI_ERRORS_RETURN);
    MPI_Comm_rank(made->communicator, &rank);
    MPI_Comm_size(made->communicator, &size);
    made->collective = (rn_collective){ .struct_size = sizeof made->collective,
                                        .payload = made,
                                        .rank = rank,
                                        .size = size,
                                        .exchange = exchange,
                                        .abort = end_all,
                                        .any_thread = may_call_from_any_thread() };
    *collective = &made->collective;
    return RN_OK;
}

void rn_mpi_collective_destroy(rn_collective *collective)
{
    engine *e;

    if (collective == NULL)
        return;
    e = collective->payload;
    if (!e->broken && is_running()) /* it waits for all: not where one is lost */
        MPI_Comm_free(&e->communicator);
    free(e);
}
