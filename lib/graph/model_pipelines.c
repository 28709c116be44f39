/* SPDX-License-Identifier: MIT */
/* How a model's photos are prepared: texts that fit its input, and named pairs of them. */
#include "graph/graph.h"

#include <inttypes.h>

/* A pipeline that the model keeps, though it does not use it yet. */
static rn_status make_pipeline(const rn_pipeline **made, rn_model *model, const char *text, bool may_be_random)
{
    const rn_value_shape *const input = &model->graph->layer[0].shape;
    rn_message *const message = &model->context->message;
    rn_pipeline *pipeline = NULL;
    int32_t height = 0, width = 0;
    rn_status status;

    if (text == NULL)
        return rn_fail(message, RN_INVALID_ARGUMENT, "the text of a pipeline is NULL");
    status = rn_pipeline_create(&pipeline, model->context, text);
    if (status != RN_OK)
        return status;
    rn_pipeline_output_size(pipeline, &height, &width);
    if (!may_be_random && rn_pipeline_is_random(pipeline))
        status = rn_fail(message, RN_INVALID_ARGUMENT,
                         "the pipeline for prediction and validation must not be random: %s", text);
    else if (input->c != 3)
        status = rn_fail(message, RN_SHAPE, "a pipeline gives 3 channels, the model's input has %" PRId64, input->c);
    else if ((height != 0 || width != 0) && (height != input->h || width != input->w))
        status =
            rn_fail(message, RN_SHAPE,
                    "the pipeline gives %" PRId32 " x %" PRId32 ", the model's input is %" PRId64 " x %" PRId64 ": %s",
                    height, width, input->h, input->w, text);
    if (status != RN_OK) {
        rn_pipeline_destroy(pipeline);
        return status;
    }
    *made = pipeline;
    return rn_model_keep(model, NULL, pipeline);
}

static rn_status replace_pipeline(rn_model *model, _Atomic(const rn_pipeline *) *place, const char *text,
                                  bool may_be_random)
{
    const rn_pipeline *pipeline;
    const rn_status status = make_pipeline(&pipeline, model, text, may_be_random);

    if (status == RN_OK)
        atomic_store(place, pipeline);
    return status;
}

rn_status rn_model_set_pipeline(rn_model *model, const char *text)
{
    return model == NULL ? rn_fail_null("rn_model_set_pipeline", "model")
                         : replace_pipeline(model, &model->pipeline, text, false);
}

rn_status rn_model_set_training_pipeline(rn_model *model, const char *text)
{
    return model == NULL ? rn_fail_null("rn_model_set_training_pipeline", "model")
                         : replace_pipeline(model, &model->training_pipeline, text, true);
}

rn_status rn_model_set_preset(rn_model *model, const char *name)
{
    const rn_value_shape *input;
    const rn_pipeline *train = NULL, *valid = NULL;
    rn_pipeline *made_train, *made_valid;
    rn_status status;

    if (model == NULL)
        return rn_fail_null("rn_model_set_preset", "model");
    input = &model->graph->layer[0].shape;
    status = rn_pipeline_preset(&made_train, &made_valid, model->context, name, (int32_t)input->h, (int32_t)input->w,
                                rn_model_pipeline(model));
    if (status != RN_OK)
        return status;
    status = make_pipeline(&train, model, rn_pipeline_text(made_train), true);
    if (status == RN_OK)
        status = make_pipeline(&valid, model, rn_pipeline_text(made_valid), false);
    rn_pipeline_destroy(made_train);
    rn_pipeline_destroy(made_valid);
    if (status != RN_OK)
        return status;
    atomic_store(&model->pipeline, valid);
    atomic_store(&model->training_pipeline, train);
    return RN_OK;
}
