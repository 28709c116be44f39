/* SPDX-License-Identifier: MIT */
/*
 * rn_collective: how the processes of one training run reach each other. The library brings no network of its own: an
 * engine fills this table, and rn_trainer_options.collective takes it. libresnet_mpi fills it from an MPI communicator
 * (<resnet_mpi.h>); a test of the library does it with the threads of one process, in forty lines.
 *
 * An engine needs one call, exchange. Sums, broadcasts and barriers are made of it here, because their order decides
 * bits: what an engine's all-reduce adds first depends on its version, on the number of processes and on the size.
 *
 * Every process runs the same program: the same datasets, model and calls in the same order, each with its own context.
 * Any number of threads, any machine of one class of instruction sets (the trainer compares, and names what differs).
 * The number of processes is a power of two.
 *
 * Thread safety: one call at a time, from the thread that called the trainer or, with `any_thread`, from one that it
 * started and waits for.
 */
#ifndef RESNET_COLLECTIVE_H
#define RESNET_COLLECTIVE_H

#include <resnet/status.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct rn_collective {
    size_t struct_size;
    void *payload;      /* handed to the functions */
    int32_t rank, size; /* this process, from 0, of how many */
    /*
     * Sends `send_bytes` bytes to process `partner` and receives `receive_bytes` bytes from it, both at once; either
     * may be 0. The partner calls it with the two sizes swapped, and the n-th call of the one for the other meets its
     * n-th. The memory does not overlap. It returns when what was received is there and `send` may be changed. Messages
     * may have any size. A partner that is gone or aborted: a status other than RN_OK, now and ever after, rather than
     * waiting for ever. The library then calls abort. Not called where `size` is 1.
     */
    rn_status (*exchange)(void *payload, int32_t partner, const void *send, size_t send_bytes, void *receive,
                          size_t receive_bytes);
    /*
     * The run ends here: `reason` is a sentence. It makes the exchanges that the others wait in, and all later ones,
     * fail; or it ends their processes and this one. May be called several times and by several processes.
     */
    void (*abort)(void *payload, const char *reason);
    /*
     * 1: exchange may be called from a thread of the library's own, in which all signals are blocked. Gradients then
     * travel while backward computes those of the layers below. 0: it is called from the trainer's thread alone, and
     * they travel after backward. Neither changes a bit, and processes may differ in it.
     */
    int32_t any_thread;
    int32_t reserved; /* 0 */
} rn_collective;

#ifdef __cplusplus
}
#endif

#endif
