/* SPDX-License-Identifier: MIT */
/*
 * Losses over output 0 of a session, (N, classes).
 *
 *   cross entropy   L = mean_n ( log sum_j exp(x_nj) - x_n,label )     dL/dx = (softmax(x) - onehot) / N
 *   NLL             L = mean_n ( -x_n,label )                          dL/dx = -onehot / N
 *
 * Computed in double with the row's maximum taken off first.
 * https://pytorch.org/docs/stable/generated/torch.nn.CrossEntropyLoss.html
 */
#include "run/session.h"

#include <math.h>

static const double row_sum_tolerance = 1e-3; /* float32 rows of a thousand log-probabilities sum to 1 within 1e-4 */

/* Labels of N rows, each in [0, classes). */
static rn_status check_labels(const rn_session *session, const rn_map *logits, const rn_tensor *labels)
{
    rn_message *const message = &session->context->message;

    if (labels->dtype != RN_INT64 || labels->rank != 1 || labels->shape[0] != logits->n)
        return rn_fail(message, RN_SHAPE, "labels are %s of rank %d, the loss takes int64 (%lld)",
                       rn_dtype_name(labels->dtype), (int)labels->rank, (long long)logits->n);
    for (int64_t n = 0; n < logits->n; n++) {
        const int64_t label =
            *(const int64_t *)(const void *)(labels->data + n * labels->strides[0] * (int64_t)sizeof(int64_t));

        if (label < 0 || label >= logits->c)
            return rn_fail(message, RN_INVALID_ARGUMENT, "label %lld of sample %lld: the network has %lld classes",
                           (long long)label, (long long)n, (long long)logits->c);
    }
    return RN_OK;
}

static int64_t label_of(const rn_tensor *labels, int64_t n)
{
    return ((const int64_t *)(const void *)labels->data)[n * labels->strides[0]];
}

/* log sum_j exp(x_j) */
static double log_sum_exp(const float *x, int64_t count)
{
    double largest = x[0], sum = 0;

    for (int64_t j = 1; j < count; j++)
        largest = x[j] > largest ? x[j] : largest;
    for (int64_t j = 0; j < count; j++)
        sum += exp(x[j] - largest);
    return largest + log(sum);
}

static rn_status begin_loss(double *loss, rn_session *session, const rn_tensor *labels, rn_map *logits,
                            rn_map *gradient)
{
    rn_status status;

    if (session == NULL)
        return RN_INVALID_ARGUMENT;
    if (loss == NULL || labels == NULL)
        return rn_fail(&session->context->message, RN_INVALID_ARGUMENT,
                       "a loss needs labels and a place for its value");
    *loss = NAN;
    if (session->current != NULL && session->current->value[session->output[0]].shape.flat) {
        status = check_labels(session, rn_plan_map(session->current, session->output[0]), labels);
        if (status != RN_OK)
            return status;
    }
    return rn_session_loss_maps(session, logits, gradient);
}

rn_status rn_cross_entropy(double *loss, rn_session *session, const rn_tensor *labels)
{
    rn_map logits, gradient;
    const rn_status status = begin_loss(loss, session, labels, &logits, &gradient);
    double sum = 0;

    if (status != RN_OK)
        return status;
    for (int64_t n = 0; n < logits.n; n++) {
        const float *const x = logits.data + n * logits.pitch;
        const int64_t label = label_of(labels, n);
        const double normaliser = log_sum_exp(x, logits.c);

        sum += normaliser - x[label];
        for (int64_t j = 0; gradient.data != NULL && j < logits.c; j++)
            gradient.data[n * gradient.pitch + j] = (float)((exp(x[j] - normaliser) - (j == label)) / (double)logits.n);
    }
    *loss = sum / (double)logits.n;
    return RN_OK;
}

rn_status rn_nll_loss(double *loss, rn_session *session, const rn_tensor *labels)
{
    rn_map logits, gradient;
    rn_status status;
    double sum = 0;

    if (session != NULL && session->current != NULL && loss != NULL &&
        session->current->value[session->output[0]].shape.flat) {
        const rn_map *const rows = rn_plan_map(session->current, session->output[0]);

        *loss = NAN;
        for (int64_t n = 0; n < rows->n; n++) {
            const double total = exp(log_sum_exp(rows->data + n * rows->pitch, rows->c));

            if (!(fabs(total - 1) <= row_sum_tolerance))
                return rn_fail(&session->context->message, RN_INVALID_ARGUMENT,
                               "sample %lld holds no log-probabilities: their exponentials sum to %g", (long long)n,
                               total);
        }
    }
    status = begin_loss(loss, session, labels, &logits, &gradient);
    if (status != RN_OK)
        return status;
    for (int64_t n = 0; n < logits.n; n++) {
        const int64_t label = label_of(labels, n);

        sum -= logits.data[n * logits.pitch + label];
        for (int64_t j = 0; gradient.data != NULL && j < logits.c; j++)
            gradient.data[n * gradient.pitch + j] = j == label ? (float)(-1.0 / (double)logits.n) : 0.0f;
    }
    *loss = sum / (double)logits.n;
    return RN_OK;
}
