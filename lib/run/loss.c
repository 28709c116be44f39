/* SPDX-License-Identifier: MIT */
/*
 * Losses over an output of a session, (N, classes), with the weight v_n of a sample (that of its label's class, 0 where
 * the label is ignored) and V = sum_n v_n. With label smoothing s, the target of sample n is 1 - s at its label and
 * s / C everywhere, each class j weighing w_j.
 *
 *   cross entropy   L = sum_n [ (1 - s) v_n (Z_n - x_n,label) + s / C sum_j w_j (Z_n - x_nj) ] / V
 *                   with Z_n = log sum_j exp x_nj
 *   NLL             L = sum_n v_n (-x_n,label) / V
 *
 * Of targets t_nj instead of labels, the cross entropy of N samples is
 *
 *   L = sum_nj w_j ((1 - s) t_nj + s / C) (Z_n - x_nj) / N
 *
 * Computed in double with the row's maximum taken off first.
 * https://pytorch.org/docs/stable/generated/torch.nn.CrossEntropyLoss.html
 */
#include "run/session.h"

#include "base/options.h"
#include "ops/softmax.h"
#include <math.h>

RN_NO_TAIL_PADDING(rn_loss_options, output);

static const double row_sum_tolerance = 1e-3; /* float32 rows of a thousand log-probabilities sum to 1 within 1e-4 */

/* A loss being computed: what is known of the batch before the first row. */
typedef struct loss_job {
    rn_loss_options options;
    rn_map x, gradient;      /* gradient.data NULL: not wanted */
    const rn_tensor *labels; /* int64 (N); or targets, float32 (N, C) */
    bool soft;               /* targets */
    double total_weight;     /* V, of targets N */
} loss_job;

static bool is_ignored(const loss_job *job, int64_t label)
{
    return job->options.ignores != 0 && label == job->options.ignore_label;
}

static int64_t label_of(const loss_job *job, int64_t n)
{
    return ((const int64_t *)(const void *)job->labels->data)[n * job->labels->strides[0]];
}

static double class_weight(const loss_job *job, int64_t label)
{
    const rn_tensor *const weights = job->options.class_weights;

    return weights != NULL ? ((const float *)(const void *)weights->data)[label * weights->strides[0]] : 1;
}

/* ---- what may be asked ------------------------------------------------------------------------------------------- */

static rn_status read_options(loss_job *job, const rn_session *session, const rn_loss_options *options, bool smooths)
{
    rn_message *const message = &session->context->message;
    const rn_status status = rn_options_read(&job->options, sizeof job->options, options, message);
    rn_loss_options *const o = &job->options;

    if (status != RN_OK)
        return status;
    if (o->output < 0 || o->output >= session->output_count)
        return rn_fail(message, RN_INVALID_ARGUMENT, "a loss of output %d: the session has %d", (int)o->output,
                       (int)session->output_count);
    o->weight = rn_option_number(o->weight, 1);
    if (!isfinite(o->weight) || o->weight < 0)
        return rn_fail(message, RN_INVALID_ARGUMENT, "a loss of the weight %g", o->weight);
    if (!(o->label_smoothing >= 0 && o->label_smoothing <= 1) || (o->label_smoothing > 0 && !smooths))
        return rn_fail(message, RN_INVALID_ARGUMENT, "a label smoothing of %g%s", o->label_smoothing,
                       smooths ? "" : ": it is for the cross entropy");
    return RN_OK;
}

static rn_status check_class_weights(const loss_job *job, rn_message *message)
{
    const rn_tensor *const weights = job->options.class_weights;

    if (weights == NULL)
        return RN_OK;
    if (weights->dtype != RN_FLOAT32 || weights->rank != 1 || weights->shape[0] != job->x.c)
        return rn_fail(message, RN_SHAPE, "class weights are %s of rank %d, the loss takes float32 (%lld)",
                       rn_dtype_name(weights->dtype), (int)weights->rank, (long long)job->x.c);
    for (int64_t c = 0; c < job->x.c; c++) {
        const double weight = class_weight(job, c);

        if (!isfinite(weight) || weight < 0)
            return rn_fail(message, RN_INVALID_ARGUMENT, "class %lld has the weight %g", (long long)c, weight);
    }
    return RN_OK;
}

static double target_of(const loss_job *job, int64_t n, int64_t j)
{
    const rn_tensor *const t = job->labels;

    return ((const float *)(const void *)t->data)[n * t->strides[0] + j * t->strides[1]];
}

static rn_status check_targets(loss_job *job, rn_message *message)
{
    const rn_tensor *const t = job->labels;

    if (t->shape[0] != job->x.n || t->shape[1] != job->x.c)
        return rn_fail(message, RN_SHAPE, "targets are (%lld, %lld), the loss takes (%lld, %lld)",
                       (long long)t->shape[0], (long long)t->shape[1], (long long)job->x.n, (long long)job->x.c);
    if (job->options.ignores != 0)
        return rn_fail(message, RN_INVALID_ARGUMENT, "targets have no label that could be ignored");
    for (int64_t i = 0; i < job->x.n * job->x.c; i++) {
        const double target = target_of(job, i / job->x.c, i % job->x.c);

        if (!isfinite(target) || target < 0)
            return rn_fail(message, RN_INVALID_ARGUMENT, "class %lld of sample %lld has the target %g",
                           (long long)(i % job->x.c), (long long)(i / job->x.c), target);
    }
    job->total_weight = (double)job->x.n;
    return RN_OK;
}

/* Labels of N rows, each in [0, classes) or ignored; their weights are added up. */
static rn_status check_labels(loss_job *job, rn_message *message)
{
    const rn_tensor *const labels = job->labels;

    if (job->soft)
        return check_targets(job, message);
    if (labels->dtype != RN_INT64 || labels->rank != 1 || labels->shape[0] != job->x.n)
        return rn_fail(message, RN_SHAPE, "labels are %s of rank %d, the loss takes int64 (%lld)",
                       rn_dtype_name(labels->dtype), (int)labels->rank, (long long)job->x.n);
    job->total_weight = 0;
    for (int64_t n = 0; n < job->x.n; n++) {
        const int64_t label = label_of(job, n);

        if (is_ignored(job, label))
            continue;
        if (label < 0 || label >= job->x.c)
            return rn_fail(message, RN_INVALID_ARGUMENT, "label %lld of sample %lld: the network has %lld classes",
                           (long long)label, (long long)n, (long long)job->x.c);
        job->total_weight += class_weight(job, label);
    }
    return RN_OK;
}

static rn_status begin_loss(loss_job *job, double *loss, rn_session *session, const rn_tensor *labels,
                            const rn_loss_options *options, bool smooths)
{
    rn_message *message;
    rn_status status;

    if (loss != NULL)
        *loss = NAN;
    if (session == NULL)
        return rn_fail_null(smooths ? "rn_cross_entropy" : "rn_nll_loss", "session");
    message = &session->context->message;
    if (loss == NULL || labels == NULL)
        return rn_fail(message, RN_INVALID_ARGUMENT, "a loss needs labels and a place for its value");
    job->labels = labels;
    job->soft = smooths && labels->dtype == RN_FLOAT32 && labels->rank == 2;
    if ((status = read_options(job, session, options, smooths)) != RN_OK ||
        (status = rn_session_loss_maps(session, (size_t)job->options.output, &job->x, &job->gradient)) != RN_OK ||
        (status = check_class_weights(job, message)) != RN_OK)
        return status;
    return check_labels(job, message);
}

/* ---- rows -------------------------------------------------------------------------------------------------------- */

/* log sum_j exp(x_j) */
static double log_sum_exp(const float *x, int64_t count)
{
    const rn_softmax row = rn_softmax_of(x, count);

    return row.largest + log(row.sum);
}

static float *gradient_row(const loss_job *job, int64_t n)
{
    return job->gradient.data != NULL ? job->gradient.data + n * job->gradient.pitch : NULL;
}

static void clear_row(float *row, int64_t count)
{
    for (int64_t j = 0; row != NULL && j < count; j++)
        row[j] = 0;
}

/* The row's share of the sum, and dL/dx_nj = weight / V * (t (softmax_j) - target_j), t the sum of the targets. */
static double entropy_row(const loss_job *job, int64_t n, int64_t label)
{
    const float *const x = job->x.data + n * job->x.pitch;
    const double normaliser = log_sum_exp(x, job->x.c);
    const double smoothing = job->options.label_smoothing, spread = smoothing / (double)job->x.c;
    const double own = (1 - smoothing) * class_weight(job, label);
    double sum = own * (normaliser - x[label]), targets = own;
    float *const gradient = gradient_row(job, n);

    for (int64_t j = 0; spread > 0 && j < job->x.c; j++) {
        targets += spread * class_weight(job, j);
        sum += spread * class_weight(job, j) * (normaliser - x[j]);
    }
    for (int64_t j = 0; gradient != NULL && j < job->x.c; j++) {
        const double target = (j == label ? own : 0) + (spread > 0 ? spread * class_weight(job, j) : 0);

        gradient[j] = (float)((targets * exp(x[j] - normaliser) - target) * job->options.weight / job->total_weight);
    }
    return sum;
}

/* The same of a row of targets. */
static double soft_row(const loss_job *job, int64_t n, int64_t label)
{
    const float *const x = job->x.data + n * job->x.pitch;
    const double normaliser = log_sum_exp(x, job->x.c);
    const double smoothing = job->options.label_smoothing, spread = smoothing / (double)job->x.c;
    float *const gradient = gradient_row(job, n);
    double sum = 0, targets = 0;

    (void)label;
    for (int64_t j = 0; j < job->x.c; j++) {
        const double target = class_weight(job, j) * ((1 - smoothing) * target_of(job, n, j) + spread);

        targets += target;
        sum += target * (normaliser - x[j]);
    }
    for (int64_t j = 0; gradient != NULL && j < job->x.c; j++) {
        const double target = class_weight(job, j) * ((1 - smoothing) * target_of(job, n, j) + spread);

        gradient[j] = (float)((targets * exp(x[j] - normaliser) - target) * job->options.weight / job->total_weight);
    }
    return sum;
}

static double nll_row(const loss_job *job, int64_t n, int64_t label)
{
    const double own = class_weight(job, label);
    float *const gradient = gradient_row(job, n);

    clear_row(gradient, job->x.c);
    if (gradient != NULL)
        gradient[label] = (float)(-own * job->options.weight / job->total_weight);
    return -own * job->x.data[n * job->x.pitch + label];
}

/* Sums in the order of the samples. */
static double add_rows(const loss_job *job, double (*row)(const loss_job *, int64_t, int64_t))
{
    double sum = 0;

    for (int64_t n = 0; n < job->x.n; n++) {
        const int64_t label = job->soft ? 0 : label_of(job, n);

        if (is_ignored(job, label) || job->total_weight <= 0)
            clear_row(gradient_row(job, n), job->x.c);
        else
            sum += row(job, n, label);
    }
    return job->options.weight * sum / job->total_weight;
}

rn_status rn_cross_entropy(double *loss, rn_session *session, const rn_tensor *labels, const rn_loss_options *options)
{
    loss_job job;
    const rn_status status = begin_loss(&job, loss, session, labels, options, true);

    if (status != RN_OK)
        return status;
    *loss = add_rows(&job, job.soft ? soft_row : entropy_row);
    rn_session_has_loss(session);
    return RN_OK;
}

/* Logits must not pass for log-probabilities. */
static rn_status check_rows(const loss_job *job, rn_message *message)
{
    for (int64_t n = 0; n < job->x.n; n++) {
        const double total = exp(log_sum_exp(job->x.data + n * job->x.pitch, job->x.c));

        if (!(fabs(total - 1) <= row_sum_tolerance))
            return rn_fail(message, RN_INVALID_ARGUMENT,
                           "sample %lld holds no log-probabilities: their exponentials sum to %g", (long long)n, total);
    }
    return RN_OK;
}

rn_status rn_nll_loss(double *loss, rn_session *session, const rn_tensor *labels, const rn_loss_options *options)
{
    loss_job job;
    rn_status status = begin_loss(&job, loss, session, labels, options, false);

    if (status == RN_OK)
        status = check_rows(&job, &session->context->message);
    if (status != RN_OK)
        return status;
    *loss = add_rows(&job, nll_row);
    rn_session_has_loss(session);
    return RN_OK;
}
