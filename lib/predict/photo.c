/* SPDX-License-Identifier: MIT */
/* Photo in, classes out: the model's own preprocessing and an inference session, one's own or the model's. */
#include "image/pipeline.h"
#include "run/session.h"
#include <resnet/predict.h>

/* The pipeline's (3, h, w) seen as a batch of one. */
static rn_status batch_of_one(rn_tensor **batch, const rn_tensor *image)
{
    const int64_t *const shape = rn_tensor_shape(image);
    const int64_t *const strides = rn_tensor_strides(image);
    const int64_t batch_shape[] = { 1, shape[0], shape[1], shape[2] };
    const int64_t batch_strides[] = { rn_tensor_count(image), strides[0], strides[1], strides[2] };

    return rn_tensor_over(batch, image->storage, image->data, RN_FLOAT32, 4, batch_shape, batch_strides, RN_ROW_MAJOR);
}

rn_status rn_session_predict(rn_predictions **predictions, rn_session *session, const rn_tensor *images,
                             const rn_predict_options *options)
{
    const rn_tensor *logits = NULL;
    rn_status status;

    if (predictions != NULL)
        *predictions = NULL;
    if (session == NULL)
        return rn_fail_null("rn_session_predict", "session");
    if (predictions == NULL)
        return rn_fail(&session->context->message, RN_INVALID_ARGUMENT, "rn_session_predict: predictions is NULL");
    if (session->training)
        return rn_fail(&session->context->message, RN_STATE, "rn_session_predict: a training session");
    if ((status = rn_session_forward(session, images)) == RN_OK &&
        (status = rn_session_output(&logits, session, 0)) == RN_OK)
        status = rn_predict_logits(predictions, session->model, logits, options);
    return status;
}

rn_status rn_session_predict_image(rn_predictions **predictions, rn_session *session, const rn_image *image,
                                   const rn_predict_options *options)
{
    const rn_pipeline *pipeline;
    rn_tensor *tensor = NULL, *batch = NULL;
    rn_status status;

    if (predictions != NULL)
        *predictions = NULL;
    if (session == NULL)
        return rn_fail_null("rn_session_predict_image", "session");
    if (predictions == NULL || image == NULL)
        return rn_fail(&session->context->message, RN_INVALID_ARGUMENT, "rn_session_predict_image: %s is NULL",
                       image == NULL ? "image" : "predictions");
    pipeline = rn_model_pipeline(session->model);
    if (pipeline == NULL)
        return rn_fail(&session->context->message, RN_STATE, "%s has no preprocessing: rn_model_set_pipeline first",
                       session->model->name);
    status = rn_pipeline_apply(&tensor, session->context, pipeline, image, NULL);
    if (status == RN_OK)
        status = batch_of_one(&batch, tensor);
    if (status == RN_OK)
        status = rn_session_predict(predictions, session, batch, options);
    rn_tensor_destroy(batch);
    rn_tensor_destroy(tensor);
    return status;
}

rn_status rn_session_predict_file(rn_predictions **predictions, rn_session *session, const char *path,
                                  const rn_predict_options *options)
{
    rn_image_options reading = { .struct_size = sizeof reading };
    const rn_pipeline *pipeline;
    rn_image *image = NULL;
    rn_status status;

    if (predictions != NULL)
        *predictions = NULL;
    if (session == NULL)
        return rn_fail_null("rn_session_predict_file", "session");
    if (predictions == NULL || path == NULL)
        return rn_fail(&session->context->message, RN_INVALID_ARGUMENT, "rn_session_predict_file: %s is NULL",
                       path == NULL ? "path" : "predictions");
    pipeline = rn_model_pipeline(session->model);
    if (pipeline != NULL)
        rn_pipeline_draft(pipeline, &reading.draft_height, &reading.draft_width);
    status = rn_image_read(&image, session->context, path, &reading);
    if (status == RN_OK)
        status = rn_session_predict_image(predictions, session, image, options);
    rn_image_destroy(image);
    return status;
}

/* ---- through a session that the model keeps ---------------------------------------------------------------------- */

/* What both calls refuse, before anything is made. */
static rn_status begin_predict(rn_predictions **predictions, const rn_model *model, const void *photo, const char *call)
{
    if (predictions != NULL)
        *predictions = NULL;
    if (model == NULL)
        return rn_fail_null(call, "model");
    if (predictions == NULL || photo == NULL)
        return rn_fail(&model->context->message, RN_INVALID_ARGUMENT, "%s: %s is NULL", call,
                       photo == NULL ? "the photo" : "predictions");
    return RN_OK;
}

/* The session that the model keeps, taken out of it for a prediction. */
static rn_status take_session(rn_session **session, rn_model *model)
{
    *session = (rn_session *)rn_model_take_companion(model);
    return *session != NULL ? RN_OK : rn_session_create_belonging(session, model);
}

/* Back to the model with it, unless memory is short: a photo that was refused is no reason to prepare for the next one
 * again. */
static void leave_session(rn_session *session, rn_model *model, rn_status status)
{
    if (status == RN_NO_MEMORY)
        rn_session_destroy(session);
    else
        rn_model_keep_companion(model, &session->companion);
}

/* One of image and path is the photo. */
static rn_status predict_photo(rn_predictions **predictions, rn_model *model, const rn_image *image, const char *path,
                               const rn_predict_options *options)
{
    rn_session *session;
    rn_status status = take_session(&session, model);

    if (status != RN_OK)
        return status;
    status = image != NULL ? rn_session_predict_image(predictions, session, image, options)
                           : rn_session_predict_file(predictions, session, path, options);
    leave_session(session, model, status);
    return status;
}

rn_status rn_predict_image(rn_predictions **predictions, rn_model *model, const rn_image *image,
                           const rn_predict_options *options)
{
    const rn_status status = begin_predict(predictions, model, image, "rn_predict_image");

    return status == RN_OK ? predict_photo(predictions, model, image, NULL, options) : status;
}

rn_status rn_predict_file(rn_predictions **predictions, rn_model *model, const char *path,
                          const rn_predict_options *options)
{
    const rn_status status = begin_predict(predictions, model, path, "rn_predict_file");

    return status == RN_OK ? predict_photo(predictions, model, NULL, path, options) : status;
}
