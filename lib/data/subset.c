/* SPDX-License-Identifier: MIT */
/* Some samples of a dataset as a dataset: names and payload stay with the one that they come from. */
#include "classes/classes.h"
#include "data/dataset.h"

static rn_status check(const rn_dataset *dataset, const size_t *indices, size_t count)
{
    rn_message *const message = &dataset->context->message;

    if (indices == NULL)
        return rn_fail(message, RN_INVALID_ARGUMENT, "rn_dataset_subset: indices is NULL");
    if (count < 1 || count > RN_MAX_PHOTOS)
        return rn_fail(message, RN_INVALID_ARGUMENT, "a subset of %zu samples: 1 to %d are possible", count,
                       (int)RN_MAX_PHOTOS);
    for (size_t i = 0; i < count; i++)
        if (indices[i] >= dataset->count)
            return rn_fail(message, RN_INVALID_ARGUMENT, "a subset with sample %zu of %zu", indices[i], dataset->count);
    return RN_OK;
}

static rn_status fill(rn_dataset *subset, const rn_dataset *dataset, const size_t *indices, size_t count)
{
    rn_status status = rn_classes_copy(&subset->classes, dataset->classes, dataset->context);

    if (status == RN_OK)
        status = rn_dataset_reserve(subset, count);
    for (; status == RN_OK && subset->count < count; subset->count++)
        subset->photo[subset->count] = dataset->photo[indices[subset->count]];
    return status;
}

rn_status rn_dataset_subset(rn_dataset **subset, rn_dataset *dataset, const size_t *indices, size_t count)
{
    rn_dataset *made;
    rn_status status;

    if (subset == NULL)
        return rn_fail_null("rn_dataset_subset", "subset");
    *subset = NULL;
    if (dataset == NULL)
        return rn_fail_null("rn_dataset_subset", "dataset");
    status = check(dataset, indices, count);
    if (status == RN_OK)
        status = rn_dataset_begin(&made, dataset->context);
    if (status != RN_OK)
        return status;
    made->parent = dataset->parent != NULL ? dataset->parent : dataset;
    rn_dataset_retain(made->parent);
    made->read = dataset->read;
    made->payload = dataset->payload;
    status = fill(made, dataset, indices, count);
    if (status != RN_OK) {
        rn_dataset_destroy(made);
        return status;
    }
    *subset = made;
    return RN_OK;
}
