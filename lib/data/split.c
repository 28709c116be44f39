/* SPDX-License-Identifier: MIT */
/*
 * Splitting a dataset class by class. Each sample draws a number from the seed and its name; the samples of a class
 * stand in the order of their numbers, and the first of them (or every folds-th of all) are for validation. So a photo
 * that comes or goes shifts the border by one place instead of dealing all cards anew.
 */
#include "base/mix.h"
#include "base/options.h"
#include "base/random.h"
#include "data/dataset.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

RN_NO_TAIL_PADDING(rn_dataset_split_options, fold);

typedef struct card {
    uint64_t key;
    int32_t label;
    uint32_t sample;
} card;

static int compare_cards(const void *first, const void *second)
{
    const card *const a = first, *const b = second;

    if (a->label != b->label)
        return a->label < b->label ? -1 : 1;
    if (a->key != b->key)
        return a->key < b->key ? -1 : 1;
    return a->sample < b->sample ? -1 : 1;
}

/* What a sample is called wherever its folder lies. */
static uint64_t name_key(const rn_dataset *dataset, size_t sample)
{
    const rn_photo *const photo = &dataset->photo[sample];
    const char *const slash = dataset->read == NULL ? strrchr(photo->name, '/') : NULL;
    const uint64_t id = rn_mix_text(1, rn_classes_folder(dataset->classes, (size_t)photo->label));

    return rn_mix_text(id, slash != NULL ? slash + 1 : photo->name);
}

/* All samples, class by class, in the order of their draws. The first sort finds those of one name, which are counted,
 * for else they would all draw the same number. */
static void deal(card *cards, const rn_dataset *dataset, uint64_t seed)
{
    uint64_t last = 0, same = 0;

    for (size_t i = 0; i < dataset->count; i++)
        cards[i] = (card){ name_key(dataset, i), dataset->photo[i].label, (uint32_t)i };
    qsort(cards, dataset->count, sizeof *cards, compare_cards);
    for (size_t i = 0; i < dataset->count; i++) {
        same = i > 0 && cards[i].key == last ? same + 1 : 0;
        last = cards[i].key;
        rn_random random = rn_random_at(seed, RN_STREAM_SPLIT, last, same);
        const uint64_t low = rn_random_next(&random);

        cards[i].key = low | (uint64_t)rn_random_next(&random) << 32;
    }
    qsort(cards, dataset->count, sizeof *cards, compare_cards);
}

/* How many of n samples of a class are for validation. */
static size_t share(size_t n, double fraction)
{
    const size_t nearest = (size_t)floor(fraction * (double)n + 0.5);

    return n < 2 ? 0 : nearest < 1 ? 1 : nearest > n - 1 ? n - 1 : nearest;
}

static void mark(unsigned char *is_valid, const card *cards, size_t count, const rn_dataset_split_options *o)
{
    size_t end;

    for (size_t begin = 0; begin < count; begin = end) {
        for (end = begin + 1; end < count && cards[end].label == cards[begin].label;)
            end++;
        const size_t n = end - begin, first = share(n, o->fraction);

        for (size_t i = begin; i < end; i++)
            is_valid[cards[i].sample] =
                o->folds > 0 ? n > 1 && i % (size_t)o->folds == (size_t)o->fold : i - begin < first;
    }
}

/* The samples that are marked so, in their order. */
static rn_status take(rn_dataset **part, rn_dataset *dataset, const unsigned char *is_valid, unsigned char wanted,
                      size_t *indices)
{
    size_t count = 0;

    for (size_t i = 0; i < dataset->count; i++)
        if (is_valid[i] == wanted)
            indices[count++] = i;
    return count > 0 ? rn_dataset_subset(part, dataset, indices, count)
                     : rn_fail(&dataset->context->message, RN_SHAPE,
                               "%zu samples of %zu classes are too few to split: nothing is left for validation",
                               dataset->count, rn_classes_count(dataset->classes));
}

static rn_status check(rn_dataset_split_options *o, const rn_context *context, rn_message *message)
{
    if (o->folds != 0 && (o->folds < 2 || o->fold < 0 || o->fold >= o->folds || o->fraction != 0))
        return rn_fail(message, RN_INVALID_ARGUMENT, "a split: fold %d of %d%s", (int)o->fold, (int)o->folds,
                       o->fraction != 0 ? ", and a fraction" : "");
    o->fraction = o->fraction == 0 ? 0.2 : o->fraction;
    o->seed = o->seed == 0 ? context->seed : o->seed;
    if (!(o->fraction > 0 && o->fraction < 1) || (o->folds == 0 && o->fold != 0))
        return rn_fail(message, RN_INVALID_ARGUMENT, "a split: a fraction of %g, fold %d of none", o->fraction,
                       (int)o->fold);
    return RN_OK;
}

static rn_status split(rn_dataset **train, rn_dataset **valid, rn_dataset *dataset, const rn_dataset_split_options *o)
{
    const rn_allocator *const allocator = &dataset->context->allocator;
    card *const cards = rn_allocate_array(allocator, dataset->count, sizeof *cards);
    unsigned char *const is_valid = rn_allocate_zeroed(allocator, dataset->count, 1);
    size_t *const indices = rn_allocate_array(allocator, dataset->count, sizeof *indices);
    rn_status status = RN_OK;

    if (cards == NULL || is_valid == NULL || indices == NULL) {
        status = rn_fail(&dataset->context->message, RN_NO_MEMORY, "no memory to split %zu samples", dataset->count);
        goto out;
    }
    deal(cards, dataset, o->seed);
    mark(is_valid, cards, dataset->count, o);
    status = take(valid, dataset, is_valid, 1, indices);
    if (status == RN_OK)
        status = take(train, dataset, is_valid, 0, indices);
    if (status != RN_OK) {
        rn_dataset_destroy(*valid);
        *valid = NULL;
    }
out:
    rn_release(allocator, indices);
    rn_release(allocator, is_valid);
    rn_release(allocator, cards);
    return status;
}

rn_status rn_dataset_split(rn_dataset **train, rn_dataset **valid, rn_dataset *dataset,
                           const rn_dataset_split_options *options)
{
    rn_dataset_split_options o;
    rn_status status;

    if (train != NULL)
        *train = NULL;
    if (valid != NULL)
        *valid = NULL;
    if (train == NULL || valid == NULL || dataset == NULL)
        return rn_fail_null("rn_dataset_split", train == NULL ? "train" : valid == NULL ? "valid" : "dataset");
    status = rn_options_read(&o, sizeof o, options, &dataset->context->message);
    if (status == RN_OK)
        status = check(&o, dataset->context, &dataset->context->message);
    return status == RN_OK ? split(train, valid, dataset, &o) : status;
}
