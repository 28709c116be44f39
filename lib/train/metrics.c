/* SPDX-License-Identifier: MIT */
/*
 * Loss and accuracy over samples. Sums are kept, not means, and in double: a run that is resumed inside an epoch goes
 * on with exactly the sums that it had, and the last, smaller batch weighs what it holds.
 */
#include "train/train.h"

#include <math.h>

int64_t rn_row_argmax(const float *row, int64_t count, int64_t stride)
{
    int64_t best = 0;

    for (int64_t c = 0; c < count; c++) {
        if (isnan(row[c * stride]))
            return -1;
        if (row[c * stride] > row[best * stride])
            best = c;
    }
    return best;
}

void rn_metrics_add(rn_metrics *metrics, double mean_loss, const rn_tensor *logits, const rn_tensor *labels)
{
    const float *rows = rn_tensor_const_data(logits);
    const int64_t *label = rn_tensor_const_data(labels);
    const int64_t *shape = rn_tensor_shape(logits), *strides = rn_tensor_strides(logits);
    const int64_t label_stride = rn_tensor_strides(labels)[0];

    for (int64_t i = 0; i < shape[0]; i++)
        metrics->correct += rn_row_argmax(rows + i * strides[0], shape[1], strides[1]) == label[i * label_stride];
    metrics->loss += mean_loss * (double)shape[0];
    metrics->count += shape[0];
}

double rn_metrics_loss(const rn_metrics *metrics)
{
    return metrics->count > 0 ? metrics->loss / (double)metrics->count : NAN;
}

double rn_metrics_accuracy(const rn_metrics *metrics)
{
    return metrics->count > 0 ? (double)metrics->correct / (double)metrics->count : NAN;
}
