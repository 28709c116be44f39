/* SPDX-License-Identifier: MIT */
/*
 * Validation by all processes. A sum over a batch is the same number wherever it is computed, so that loss and accuracy
 * are the same to the bit if batches stay whole and their sums are added in their order.
 */
#include "train/shared.h"
#include "train/slices.h"

bool rn_validation_share(size_t batch, size_t position, size_t positions, const void *payload)
{
    const rn_team *const team = payload;

    (void)position;
    (void)positions;
    return batch % (size_t)team->engine.size == (size_t)team->engine.rank;
}

/* The batches of one round, of which each process has one; sums[b / P] of its own. */
static rn_status evaluate_round(rn_metrics *sums, rn_trainer *trainer, size_t batches)
{
    const rn_team *const team = &trainer->team;
    rn_status status = RN_OK;

    for (size_t i = 0; i < batches && status == RN_OK; i++) {
        const rn_batch *batch;

        status = rn_features_next(&batch, trainer->valid, trainer->valid_features);
        if (status == RN_OK && i == (size_t)team->engine.rank && rn_batch_size(batch) > 0)
            status = rn_evaluate_batch(&sums[rn_batch_number(batch) / (size_t)team->engine.size], trainer->inference,
                                       batch, trainer->valid_features);
    }
    return status;
}

static rn_status add_up(rn_metrics *metrics, rn_trainer *trainer, rn_metrics *all, size_t rounds)
{
    rn_team *const team = &trainer->team;
    const size_t processes = (size_t)team->engine.size;
    const rn_status status = rn_team_gather(team, all, rounds * sizeof *all);

    if (status != RN_OK)
        return status;
    for (size_t i = 0; i < rn_loader_batches(trainer->valid); i++) {
        const rn_metrics *const sums = &all[i % processes * rounds + i / processes];

        metrics->loss += sums->loss;
        metrics->correct += sums->correct;
        metrics->count += sums->count;
    }
    return metrics->count > 0 ? RN_OK
                              : rn_fail(&trainer->context->message, RN_FORMAT, "no photo of the whole folder decodes");
}

static rn_status evaluate_shared(rn_metrics *metrics, rn_trainer *trainer, rn_batch_function after, void *payload)
{
    rn_team *const team = &trainer->team;
    const rn_allocator *const allocator = &trainer->context->allocator;
    const size_t batches = rn_loader_batches(trainer->valid), processes = (size_t)team->engine.size;
    const size_t rounds = (batches + processes - 1) / processes;
    rn_metrics *const all = rn_allocate_zeroed(allocator, rounds * processes, sizeof *all);
    rn_status status = rn_loader_start(trainer->valid, 0);

    *metrics = (rn_metrics){ 0 };
    if (all == NULL)
        return rn_fail(&trainer->context->message, RN_NO_MEMORY, "no memory for the sums of %zu batches", batches);
    for (size_t first = 0; first < batches && status == RN_OK; first += processes) {
        status = evaluate_round(all + (size_t)team->engine.rank * rounds, trainer,
                                batches - first < processes ? batches - first : processes);
        status = rn_team_agree(team, status);
        if (status == RN_OK)
            status = after(payload);
    }
    if (status == RN_OK)
        status = add_up(metrics, trainer, all, rounds);
    rn_release(allocator, all);
    return status;
}

/* All processes have the statistics and the average of process 0. */
static rn_status agree_on_values(rn_trainer *trainer)
{
    const rn_status status = rn_slices_share_statistics(trainer->slices);

    return status == RN_OK ? rn_share_average(trainer) : status;
}

rn_status rn_trainer_validate(rn_metrics *metrics, rn_trainer *trainer, rn_batch_function after, void *payload)
{
    rn_status status = trainer->slices != NULL ? agree_on_values(trainer) : RN_OK, back;

    if (status == RN_OK)
        status = rn_trainer_swap_average(trainer);
    if (status != RN_OK)
        return status;
    if (trainer->slices != NULL)
        status = evaluate_shared(metrics, trainer, after, payload);
    else
        status = rn_evaluate_session(metrics, trainer->inference, trainer->valid, trainer->valid_features, after,
                                     payload, &trainer->context->message);
    back = rn_trainer_swap_average(trainer);
    return back == RN_OK ? status : back;
}
