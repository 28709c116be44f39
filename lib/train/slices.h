/* SPDX-License-Identifier: MIT */
/*
 * A batch of training in slices: slice s of S holds positions [ceil(s n / S), ceil((s + 1) n / S)) of a batch of n,
 * process r of P computes slices [r S / P, (r + 1) S / P), and no number depends on P.
 *
 *   loss            of a slice with m photos: its mean, times m / n, or where a step is of several batches m / (photos
 *                   of the step). Where photos are left out, the gradients are scaled by n / (photos left) in the end
 *   gradients       are added in the tree of tree.h
 *   batch norm      each slice has statistics of its own; the running ones are what slice 0 makes of them
 *   dropout         slice s of step t draws what step t S + s draws
 */
#ifndef RN_TRAIN_SLICES_H
#define RN_TRAIN_SLICES_H

#include "train/train.h"

/* What the network is given of a batch, what its loss compares with, and the labels that count as right. */
typedef struct rn_ready_batch {
    const rn_tensor *input, *targets, *labels;
} rn_ready_batch;

/* Borrowed until the next call. */
typedef rn_status (*rn_slice_prepare)(rn_ready_batch *ready, void *payload, const rn_batch *part);
/* Forward has run: computes the mean loss, of which the gradient is multiplied by `factor`. */
typedef rn_status (*rn_slice_loss)(double *loss, void *payload, const rn_tensor *targets, double factor);

typedef struct rn_slice_result {
    rn_metrics sums;                          /* added up slice by slice */
    double exchange_seconds, exchange_waited; /* of gradients with other processes, and how long it was waited for */
    int64_t skipped;                          /* photos of the batch, by all processes */
    bool untouched; /* it failed in reading photos, or by the loss of a process: the model is as before */
    bool stepped;   /* the optimizer has made its step */
} rn_slice_result;

/* The losses of all are known, the gradients not yet: the optimizer that makes its step on these as they come; NULL:
 * whoever called does it. All processes have the same answer. */
typedef rn_optimizer *(*rn_slice_stepper)(void *payload, const rn_slice_result *result);

typedef struct rn_slice_job {
    rn_session *session;
    rn_loader *loader;
    rn_slice_prepare prepare;
    rn_slice_loss loss;
    rn_slice_stepper stepper;
    void *payload;
    int64_t step_photos; /* of a step of several batches, when none is left out; the caller scales. 0: of one batch */
    bool adds;           /* to the gradients of the batches before it of this step */
} rn_slice_job;

typedef struct rn_slices rn_slices;

/* RN_INVALID_ARGUMENT: `count` is no power of two that the processes divide. RN_NO_MEMORY. */
rn_status rn_slices_create(rn_slices **slices, rn_model *model, rn_team *team, int32_t count);
void rn_slices_destroy(rn_slices *slices); /* NULL is fine */
/* Which photos of a training batch this process reads: an rn_share_function of the slices. */
bool rn_slices_share(size_t batch, size_t position, size_t positions, const void *slices);

/*
 * Forward, loss and backward of a batch by all processes: each ends with the same gradients; where no photo was left
 * (result->sums.count 0) or the step was made of them (result->stepped), with none. `read`: how reading the batch has
 * ended. Whoever fails, all give back the failure.
 */
rn_status rn_slices_run(rn_slice_result *result, rn_slices *slices, const rn_slice_job *job, const rn_batch *batch,
                        rn_status read);
/* The running statistics of process 0 become everybody's, as before each validation. */
rn_status rn_slices_share_statistics(rn_slices *slices);

#endif
