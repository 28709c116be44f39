/* SPDX-License-Identifier: MIT */
/* How many samples each class has, and the weights that make up for it. */
#include "data/dataset.h"
#include "tensor/tensor.h"

rn_status rn_dataset_class_counts(size_t *counts, size_t size, const rn_dataset *dataset)
{
    if (counts == NULL || dataset == NULL)
        return rn_fail_null("rn_dataset_class_counts", dataset == NULL ? "dataset" : "counts");
    if (size != rn_classes_count(dataset->classes))
        return rn_fail(&dataset->context->message, RN_SHAPE, "%zu counts of %zu classes", size,
                       rn_classes_count(dataset->classes));
    for (size_t i = 0; i < size; i++)
        counts[i] = 0;
    for (size_t i = 0; i < dataset->count; i++)
        counts[dataset->photo[i].label]++;
    return RN_OK;
}

static rn_status fill(float *weights, const rn_dataset *dataset, const size_t *counts, size_t classes)
{
    for (size_t i = 0; i < classes; i++) {
        if (counts[i] == 0)
            return rn_fail(&dataset->context->message, RN_SHAPE, "class %zu, %s, has no sample: no weight balances it",
                           i, rn_classes_folder(dataset->classes, i));
        weights[i] = (float)((double)dataset->count / ((double)classes * (double)counts[i]));
    }
    return RN_OK;
}

rn_status rn_dataset_class_weights(rn_tensor **weights, const rn_dataset *dataset)
{
    size_t *counts;
    rn_status status;

    if (weights == NULL)
        return rn_fail_null("rn_dataset_class_weights", "weights");
    *weights = NULL;
    if (dataset == NULL)
        return rn_fail_null("rn_dataset_class_weights", "dataset");
    const size_t classes = rn_classes_count(dataset->classes);
    const int64_t shape[] = { (int64_t)classes };

    counts = rn_allocate_array(&dataset->context->allocator, classes, sizeof *counts);
    if (counts == NULL)
        return rn_fail(&dataset->context->message, RN_NO_MEMORY, "no memory to count %zu classes", classes);
    rn_dataset_class_counts(counts, classes, dataset);
    status = rn_tensor_create(weights, dataset->context, RN_FLOAT32, 1, shape, RN_ROW_MAJOR);
    if (status == RN_OK)
        status = fill((float *)(void *)(*weights)->data, dataset, counts, classes);
    if (status != RN_OK) {
        rn_tensor_destroy(*weights);
        *weights = NULL;
    }
    rn_release(&dataset->context->allocator, counts);
    return status;
}
