/* SPDX-License-Identifier: MIT */
/*
 * The order of an epoch: a permutation, or draws with replacement, as torch.utils.data.WeightedRandomSampler makes
 * them. A draw is a number below the sum of all weights, looked up among the sums of the first ones, and a pure
 * function of (seed, epoch, place in the epoch).
 */
#include "data/sampler.h"

#include "base/options.h"
#include "base/random.h"

#include <math.h>

static rn_status check(const rn_loader_options *o, rn_message *message)
{
    const bool draws = o->weights != NULL || o->balanced;

    if (o->weights != NULL && o->balanced)
        return rn_fail(message, RN_INVALID_ARGUMENT, "a loader with weights that is to be balanced as well");
    if (o->draws > RN_MAX_PHOTOS || (o->draws > 0 && !draws))
        return rn_fail(message, RN_INVALID_ARGUMENT, "an epoch of %zu draws%s", o->draws,
                       draws ? "" : ": a loader draws by weights, or balanced");
    return RN_OK;
}

/* A class's samples share a weight of 1. */
static rn_status balance(double *weights, const rn_dataset *dataset)
{
    const rn_allocator *const allocator = &dataset->context->allocator;
    const size_t classes = rn_classes_count(dataset->classes);
    size_t *const counts = rn_allocate_array(allocator, classes, sizeof *counts);

    if (counts == NULL)
        return rn_fail(&dataset->context->message, RN_NO_MEMORY, "no memory to count %zu classes", classes);
    rn_dataset_class_counts(counts, classes, dataset);
    for (size_t i = 0; i < dataset->count; i++)
        weights[i] = 1.0 / (double)counts[dataset->photo[i].label];
    rn_release(allocator, counts);
    return RN_OK;
}

static rn_status take_weights(double *sums, const double *weights, const rn_dataset *dataset)
{
    for (size_t i = 0; i < dataset->count; i++) {
        if (!(weights[i] >= 0 && weights[i] < INFINITY))
            return rn_fail(&dataset->context->message, RN_INVALID_ARGUMENT, "sample %zu (%s) has the weight %g", i,
                           dataset->photo[i].name, weights[i]);
        sums[i] = weights[i];
    }
    return RN_OK;
}

/* Weights become sums, in their order. */
static rn_status add_up(double *sums, size_t count, rn_message *message)
{
    for (size_t i = 1; i < count; i++)
        sums[i] += sums[i - 1];
    return sums[count - 1] > 0 && sums[count - 1] < INFINITY
               ? RN_OK
               : rn_fail(message, RN_INVALID_ARGUMENT, "weights of %zu samples that add up to %g", count,
                         sums[count - 1]);
}

rn_status rn_sampler_create(rn_sampler *sampler, const rn_dataset *dataset, const rn_loader_options *options)
{
    const rn_allocator *const allocator = &dataset->context->allocator;
    rn_message *const message = &dataset->context->message;
    rn_status status = check(options, message);

    if (status != RN_OK)
        return status;
    *sampler = (rn_sampler){ .count = dataset->count,
                             .length = options->draws > 0 ? options->draws : dataset->count,
                             .shuffles = options->shuffle != 0,
                             .seed = options->seed };
    if (options->weights == NULL && !options->balanced)
        return RN_OK;
    sampler->sums = rn_allocate_array(allocator, dataset->count, sizeof *sampler->sums);
    if (sampler->sums == NULL)
        return rn_fail(message, RN_NO_MEMORY, "no memory for %zu weights", dataset->count);
    status =
        options->balanced ? balance(sampler->sums, dataset) : take_weights(sampler->sums, options->weights, dataset);
    if (status == RN_OK)
        status = add_up(sampler->sums, dataset->count, message);
    if (status != RN_OK)
        rn_sampler_release(sampler, allocator);
    return status;
}

void rn_sampler_release(rn_sampler *sampler, const rn_allocator *allocator)
{
    rn_release(allocator, sampler->sums);
    sampler->sums = NULL;
}

/* Fisher and Yates: every order is equally likely. */
static void shuffle(size_t *order, size_t count, uint64_t seed, uint64_t epoch)
{
    rn_random random = rn_random_at(seed, RN_STREAM_ORDER, epoch, 0);

    for (size_t i = count; i > 1; i--) {
        const size_t j = (size_t)rn_random_below(&random, i), kept = order[i - 1];

        order[i - 1] = order[j];
        order[j] = kept;
    }
}

/* The first sample whose sum is above the draw: none of weight 0, which adds nothing to the sum before it. */
static size_t draw(const rn_sampler *sampler, uint64_t epoch, size_t place)
{
    rn_random random = rn_random_at(sampler->seed, RN_STREAM_SAMPLER, epoch, place);
    const double drawn = rn_random_uniform(&random) * sampler->sums[sampler->count - 1];
    size_t low = 0, high = sampler->count - 1;

    while (low < high) {
        const size_t middle = low + (high - low) / 2;

        if (sampler->sums[middle] > drawn)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

void rn_sampler_order(size_t *order, const rn_sampler *sampler, uint64_t epoch)
{
    for (size_t i = 0; i < sampler->length; i++)
        order[i] = sampler->sums != NULL ? draw(sampler, epoch, i) : i;
    if (sampler->sums == NULL && sampler->shuffles)
        shuffle(order, sampler->length, sampler->seed, epoch);
}
