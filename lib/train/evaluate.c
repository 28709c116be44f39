/* SPDX-License-Identifier: MIT */
/* Loss and accuracy of a model over a dataset, in inference mode: what validation and the evaluate program do. */
#include "train/train.h"

#include "base/options.h"
#include <math.h>
#include <string.h>

RN_NO_TAIL_PADDING(rn_evaluation, skipped);
RN_NO_TAIL_PADDING(rn_evaluate_options, bad_photos);

/* Puts each row of the batch's logits where its sample belongs. */
static void spread_logits(float *all, const rn_tensor *logits, const rn_batch *batch)
{
    const float *rows = rn_tensor_const_data(logits);
    const int64_t *shape = rn_tensor_shape(logits), *strides = rn_tensor_strides(logits);

    for (int64_t i = 0; i < shape[0]; i++) {
        float *row = all + rn_batch_sample(batch, (size_t)i) * (size_t)shape[1];

        for (int64_t c = 0; c < shape[1]; c++)
            row[c] = rows[i * strides[0] + c * strides[1]];
    }
}

rn_status rn_evaluate_batch(rn_metrics *metrics, rn_session *session, const rn_batch *batch, rn_features *features,
                            float *all)
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
    if (status != RN_OK)
        return status;
    rn_metrics_add(metrics, loss, logits, rn_batch_labels(batch));
    if (all != NULL)
        spread_logits(all, logits, batch);
    return RN_OK;
}

rn_status rn_evaluate_session(rn_metrics *metrics, rn_session *session, rn_loader *loader, rn_features *features,
                              float *logits, rn_batch_function after, void *payload, rn_message *message)
{
    const rn_batch *batch;
    rn_status status = rn_loader_start(loader, 0);

    *metrics = (rn_metrics){ 0 };
    while (status == RN_OK && (status = rn_features_next(&batch, loader, features)) == RN_OK) {
        status = rn_evaluate_batch(metrics, session, batch, features, logits);
        if (status == RN_OK && after != NULL)
            status = after(payload);
    }
    if (status == RN_END)
        status = metrics->count > 0 ? RN_OK : rn_fail(message, RN_FORMAT, "no photo of the whole folder decodes");
    return status;
}

/* What rn_evaluate refuses before it does anything. */
static rn_status check_arguments(const rn_model *model, const rn_dataset *dataset, const rn_evaluate_options *options,
                                 size_t needed)
{
    rn_message *const message = &model->context->message;
    const rn_classes *classes = rn_dataset_classes(dataset);

    if (rn_model_pipeline(model) == NULL)
        return rn_fail(message, RN_STATE, "the model has no preprocessing: rn_model_set_pipeline");
    if ((int64_t)rn_classes_count(classes) != rn_model_class_count(model))
        return rn_fail(message, RN_SHAPE, "the model has %lld classes, the photos have %zu",
                       (long long)rn_model_class_count(model), rn_classes_count(classes));
    if (options->logits != NULL && options->logits_count != needed)
        return rn_fail(message, RN_SHAPE, "there is room for %zu logits, %zu are needed", options->logits_count,
                       needed);
    return rn_model_classes(model) != NULL ? rn_same_classes(rn_model_classes(model), classes, "given", message)
                                           : RN_OK;
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

rn_status rn_evaluate(rn_evaluation *evaluation, rn_model *model, rn_dataset *dataset, const rn_evaluate_options *given)
{
    rn_evaluate_options options;
    rn_metrics metrics;
    rn_loader *loader = NULL;
    rn_session *session = NULL;
    rn_message *message;
    int64_t height, width;
    size_t needed;
    rn_status status;

    if (model == NULL)
        return rn_fail_null("rn_evaluate", "model");
    message = &model->context->message;
    rn_model_input_size(model, NULL, &height, &width);
    if (evaluation == NULL || dataset == NULL || evaluation->struct_size < sizeof(size_t))
        return rn_fail(message, RN_INVALID_ARGUMENT,
                       "rn_evaluate needs a place for the answer, with its struct_size, and a dataset");
    status = rn_options_read(&options, sizeof options, given, message);
    if (status != RN_OK)
        return status;
    if (!rn_size_multiply(&needed, rn_dataset_count(dataset), (size_t)rn_model_class_count(model)))
        return rn_fail(message, RN_NO_MEMORY, "the logits of %zu photos do not fit the address space",
                       rn_dataset_count(dataset));
    status = check_arguments(model, dataset, &options, needed);
    if (status == RN_OK)
        status =
            rn_loader_create(&loader, dataset, rn_model_pipeline(model),
                             RN_OPTIONS(rn_loader, .batch_size = options.batch_size, .bad_photos = options.bad_photos,
                                        .height = (int32_t)height, .width = (int32_t)width));
    if (status == RN_OK)
        status = rn_session_create(&session, model->context, model, NULL);
    for (size_t i = 0; status == RN_OK && options.logits != NULL && i < needed; i++)
        options.logits[i] = NAN;
    if (status == RN_OK)
        status = rn_evaluate_session(&metrics, session, loader, NULL, options.logits, NULL, NULL, message);
    if (status == RN_OK)
        answer(evaluation, &metrics, loader);
    rn_session_destroy(session);
    rn_loader_destroy(loader);
    return status;
}
