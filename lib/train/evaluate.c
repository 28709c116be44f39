/* SPDX-License-Identifier: MIT */
/* A model over a dataset, in inference mode: what validation and the evaluate program do. */
#include "train/evaluation.h"
#include "train/train.h"
#include "train/views.h"

#include "base/options.h"
#include <math.h>
#include <string.h>

RN_NO_TAIL_PADDING(rn_evaluation, skipped);
RN_NO_TAIL_PADDING(rn_evaluate_options, payload);
RN_NO_TAIL_PADDING(rn_evaluated_photo, reserved);
RN_NO_TAIL_PADDING(rn_class_scores, f1);

/* ---- validation -------------------------------------------------------------------------------------------------- */

rn_status rn_evaluate_batch(rn_metrics *metrics, rn_session *session, const rn_batch *batch, rn_features *features)
{
    const rn_tensor *logits = NULL, *input;
    double loss;
    rn_status status = rn_features_of_batch(&input, features, batch);

    if (status == RN_OK)
        status = rn_session_forward(session, input);
    if (status == RN_OK)
        status = rn_cross_entropy(&loss, session, rn_batch_labels(batch), NULL);
    if (status == RN_OK)
        status = rn_session_output(&logits, session, 0);
    if (status == RN_OK)
        rn_metrics_add(metrics, loss, logits, rn_batch_labels(batch));
    return status;
}

/* The end of a pass. */
static rn_status end_pass(const rn_metrics *metrics, rn_status status, rn_message *message)
{
    if (status != RN_END)
        return status;
    return metrics->count > 0 ? RN_OK : rn_fail(message, RN_FORMAT, "no photo of the whole folder decodes");
}

rn_status rn_evaluate_session(rn_metrics *metrics, rn_session *session, rn_loader *loader, rn_features *features,
                              rn_batch_function after, void *payload, rn_message *message)
{
    const rn_batch *batch;
    rn_status status = rn_loader_start(loader, 0);

    *metrics = (rn_metrics){ 0 };
    while (status == RN_OK && (status = rn_features_next(&batch, loader, features)) == RN_OK) {
        status = rn_evaluate_batch(metrics, session, batch, features);
        if (status == RN_OK && after != NULL)
            status = after(payload);
    }
    return end_pass(metrics, status, message);
}

/* ---- rn_evaluate ------------------------------------------------------------------------------------------------- */

/* Puts the pipeline that is meant into the options. */
static rn_status choose_pipeline(rn_evaluate_options *options, const rn_model *model)
{
    rn_message *const message = &model->context->message;

    if (options->draws < 0 || options->draws > RN_MAX_DRAWS)
        return rn_fail(message, RN_INVALID_ARGUMENT, "%d draws of each photo: 0 to %d are possible", options->draws,
                       (int)RN_MAX_DRAWS);
    if (options->pipeline == NULL)
        options->pipeline = options->draws > 0 ? rn_model_training_pipeline(model) : rn_model_pipeline(model);
    if (options->pipeline == NULL)
        return rn_fail(message, RN_STATE, "the model has no preprocessing: rn_model_set_%spipeline",
                       options->draws > 0 ? "training_" : "");
    if ((options->draws > 0) != (rn_pipeline_is_random(options->pipeline) != 0))
        return rn_fail(message, RN_INVALID_ARGUMENT,
                       options->draws > 0 ? "%d draws of a pipeline that is not random are all the same"
                                          : "a random pipeline needs draws: %d are none",
                       options->draws);
    return RN_OK;
}

/* What rn_evaluate refuses before it does anything. */
static rn_status check_arguments(const rn_model *model, const rn_dataset *dataset, rn_evaluate_options *options)
{
    rn_message *const message = &model->context->message;
    const rn_classes *classes = rn_dataset_classes(dataset);
    rn_status status = choose_pipeline(options, model);
    size_t needed;

    if (status != RN_OK)
        return status;
    if ((int64_t)rn_classes_count(classes) != rn_model_class_count(model))
        return rn_fail(message, RN_SHAPE, "the model has %lld classes, the photos have %zu",
                       (long long)rn_model_class_count(model), rn_classes_count(classes));
    if (!rn_size_multiply(&needed, rn_dataset_count(dataset), (size_t)rn_model_class_count(model)))
        return rn_fail(message, RN_NO_MEMORY, "the logits of %zu photos do not fit the address space",
                       rn_dataset_count(dataset));
    if (options->logits != NULL && options->logits_count != needed)
        return rn_fail(message, RN_SHAPE, "there is room for %zu logits, %zu are needed", options->logits_count,
                       needed);
    return rn_model_classes(model) != NULL ? rn_same_classes(rn_model_classes(model), classes, "given", message)
                                           : RN_OK;
}

/* Hands the rows of a batch on to whoever wants them. */
static void spread(rn_metrics *metrics, float *logits, rn_evaluation_result *result, const rn_views *views)
{
    const size_t count = rn_batch_size(views->batch), classes = views->classes;

    for (size_t i = 0; i < count; i++) {
        const float *const row = views->row + i * classes;
        const size_t photo = rn_batch_sample(views->batch, i);

        metrics->correct += rn_row_argmax(row, (int64_t)classes, 1) == rn_dataset_label(views->dataset, photo);
        if (logits != NULL)
            memcpy(logits + photo * classes, row, classes * sizeof *row);
        if (result != NULL)
            rn_result_add(result, photo, row);
    }
    metrics->loss += views->loss * (double)count;
    metrics->count += (int64_t)count;
}

/* How far it is. RN_CANCELLED if the caller wishes so. */
static rn_status report(const rn_evaluate_options *options, const rn_metrics *metrics, const rn_views *views)
{
    const size_t done = (size_t)metrics->count + rn_loader_skipped(views->loader[0]);
    const size_t count = rn_dataset_count(views->dataset);

    if (options->progress == NULL || options->progress(done < count ? done : count, count, options->payload) == 0)
        return RN_OK;
    return rn_fail(&views->context->message, RN_CANCELLED, "cancelled after %lld of %zu photos",
                   (long long)metrics->count, count);
}

/* Writes as much of the answer as the caller's struct has. */
static void answer(rn_evaluation *evaluation, const rn_metrics *metrics, const rn_loader *loader)
{
    const size_t size = evaluation->struct_size < sizeof *evaluation ? evaluation->struct_size : sizeof *evaluation;
    const rn_evaluation result = {
        .struct_size = evaluation->struct_size,
        .loss = rn_metrics_loss(metrics),
        .accuracy = rn_metrics_accuracy(metrics),
        .count = metrics->count,
        .skipped = (int64_t)rn_loader_skipped(loader),
    };

    memcpy(evaluation, &result, size);
}

static rn_status run(rn_evaluation *evaluation, rn_evaluation_result *result, rn_model *model, rn_dataset *dataset,
                     const rn_evaluate_options *options)
{
    rn_message *const message = &model->context->message;
    rn_metrics metrics = { 0 };
    rn_views views;
    rn_status status = rn_views_begin(&views, model, dataset, options);

    if (status != RN_OK)
        return status;
    for (size_t i = 0; options->logits != NULL && i < options->logits_count; i++)
        options->logits[i] = NAN;
    while (status == RN_OK && (status = rn_views_next(&views)) == RN_OK) {
        spread(&metrics, options->logits, result, &views);
        status = report(options, &metrics, &views);
    }
    status = end_pass(&metrics, status, message);
    if (status == RN_OK && result != NULL)
        status = rn_result_finish(result, message);
    if (status == RN_OK)
        answer(evaluation, &metrics, views.loader[0]);
    rn_views_end(&views);
    return status;
}

rn_status rn_evaluate(rn_evaluation *evaluation, rn_model *model, rn_dataset *dataset, const rn_evaluate_options *given)
{
    rn_evaluate_options options;
    rn_evaluation_result *result = NULL;
    rn_message *message;
    rn_status status;

    message = model != NULL ? &model->context->message : NULL;
    status = rn_options_read(&options, sizeof options, given, message);
    if (status == RN_OK && options.result != NULL)
        *options.result = NULL;
    if (model == NULL)
        return rn_fail_null("rn_evaluate", "model");
    if (evaluation == NULL || dataset == NULL || evaluation->struct_size < sizeof(size_t))
        return rn_fail(message, RN_INVALID_ARGUMENT,
                       "rn_evaluate needs a place for the answer, with its struct_size, and a dataset");
    if (status != RN_OK)
        return status;
    status = check_arguments(model, dataset, &options);
    if (status == RN_OK && options.result != NULL)
        status = rn_result_begin(&result, dataset, (size_t)rn_model_class_count(model), message);
    if (status == RN_OK)
        status = run(evaluation, result, model, dataset, &options);
    if (status == RN_OK && options.result != NULL)
        *options.result = result;
    else
        rn_evaluation_result_destroy(result);
    return status;
}
