/* SPDX-License-Identifier: MIT */
/*
 * Model files: a network that can be rebuilt from the file alone. What a file says about itself is checked like any
 * other input before it decides about sizes.
 */
#include "store/store.h"
#include "base/json.h"
#include "base/options.h"
#include "checkpoint/checkpoint.h"
#include "store/description.h"
#include "store/keys.h"
#include "zoo/zoo.h"
#include <resnet/version.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

RN_NO_TAIL_PADDING(rn_model_save_options, reserved);
RN_NO_TAIL_PADDING(rn_model_open_options, max_pixels);

enum { MAX_SIDE = 1 << 14, STANDARD_PIXELS = 1 << 22 };

/* ---- writing --------------------------------------------------------------------------------------------------- */

static rn_status fail_memory(rn_context *context)
{
    return rn_fail(&context->message, RN_NO_MEMORY, "no memory for the description of a model");
}

static rn_json *classes_json(const rn_classes *classes)
{
    rn_json *const list = rn_json_new_array();
    bool fine = list != NULL;

    for (size_t i = 0; fine && i < rn_classes_count(classes); i++) {
        rn_json *const pair = rn_json_new_array();

        fine = pair != NULL && rn_json_append_string(pair, rn_classes_folder(classes, i)) &&
               rn_json_append_string(pair, rn_classes_name(classes, i));
        if (fine)
            fine = rn_json_append(list, pair);
        else
            rn_json_destroy(pair);
    }
    if (fine)
        return list;
    rn_json_destroy(list);
    return NULL;
}

static rn_status set_classes_text(rn_checkpoint *file, rn_context *context, const rn_classes *classes)
{
    rn_json *json;
    char *text;
    rn_status status;

    if (classes == NULL)
        return RN_OK;
    json = classes_json(classes);
    text = json != NULL ? rn_json_text(json) : NULL;
    status = text != NULL ? rn_checkpoint_set_metadata(file, RN_KEY_CLASSES, text) : fail_memory(context);
    rn_json_release_text(text);
    rn_json_destroy(json);
    return status;
}

static rn_status set_pipeline_text(rn_checkpoint *file, const char *key, const rn_pipeline *pipeline)
{
    return pipeline != NULL ? rn_checkpoint_set_metadata(file, key, rn_pipeline_text(pipeline)) : RN_OK;
}

static rn_status set_metadata(rn_checkpoint *file, const rn_model *model)
{
    char input[96], count[32], numerics[32];
    int64_t c, h, w;
    rn_status status;

    rn_model_input_size(model, &c, &h, &w);
    snprintf(input, sizeof input, "[%" PRId64 ", %" PRId64 ", %" PRId64 "]", c, h, w);
    snprintf(count, sizeof count, "%" PRId64, rn_model_class_count(model));
    snprintf(numerics, sizeof numerics, "%d", rn_numerics_version());
    if ((status = rn_checkpoint_set_metadata(file, RN_KEY_KIND, RN_KIND_MODEL)) != RN_OK ||
        (status = rn_checkpoint_set_metadata(file, RN_KEY_NETWORK, model->name)) != RN_OK ||
        (status = rn_checkpoint_set_metadata(file, RN_KEY_CLASS_COUNT, count)) != RN_OK ||
        (status = rn_checkpoint_set_metadata(file, RN_KEY_INPUT, input)) != RN_OK ||
        (status = rn_checkpoint_set_metadata(file, RN_KEY_NUMERICS, numerics)) != RN_OK ||
        (status = set_classes_text(file, model->context, rn_model_classes(model))) != RN_OK ||
        (status = set_pipeline_text(file, RN_KEY_PIPELINE, rn_model_pipeline(model))) != RN_OK ||
        (status = set_pipeline_text(file, RN_KEY_TRAINING_PIPELINE, rn_model_training_pipeline(model))) != RN_OK)
        return status;
    return RN_OK;
}

/* Parameters are shared, not copied. */
rn_status rn_model_state_dict(rn_checkpoint *state, const rn_model *model)
{
    const rn_parameters *parameters;
    rn_status status = RN_OK;

    if (model == NULL)
        return rn_fail_null("rn_model_state_dict", "model");
    if (state == NULL)
        return rn_fail(&model->context->message, RN_INVALID_ARGUMENT, "rn_model_state_dict: state is NULL");
    parameters = model->graph->parameters;
    rn_parameters_begin_read(parameters); /* one set of weights, whoever trains beside */
    for (size_t i = 0; status == RN_OK && i < parameters->count; i++) {
        const rn_parameter *const entry = &parameters->entry[i];

        status = entry->offset >= 0 ? rn_checkpoint_share(state, entry->name, entry->value)
                                    : rn_checkpoint_add(state, entry->name, entry->value);
    }
    rn_parameters_end_read(parameters);
    return status == RN_OK ? set_metadata(state, model) : status;
}

static rn_status save(const rn_model *model, const char *state, const char *path, rn_format format)
{
    rn_checkpoint *file = NULL;
    rn_status status;

    if (path == NULL)
        return rn_fail(&model->context->message, RN_INVALID_ARGUMENT, "rn_model_save: path is NULL");
    status = rn_checkpoint_create(&file, model->context);
    if (status == RN_OK)
        status = rn_model_state_dict(file, model);
    if (status == RN_OK && state != NULL)
        status = rn_checkpoint_set_metadata(file, RN_KEY_STATE, state);
    if (status == RN_OK && state != NULL)
        status = rn_file_seal(file);
    if (status == RN_OK)
        status = rn_checkpoint_save(file, path, format, NULL);
    rn_checkpoint_destroy(file);
    return status;
}

rn_status rn_model_save_with_state(const rn_model *model, const char *state, const char *path)
{
    return model == NULL ? rn_fail_null("rn_model_save_with_state", "model")
                         : save(model, state, path, RN_FORMAT_SAFETENSORS);
}

rn_status rn_model_save(const rn_model *model, const char *path, const rn_model_save_options *options)
{
    rn_model_save_options o;
    rn_status status;

    if (model == NULL)
        return rn_fail_null("rn_model_save", "model");
    status = rn_options_read(&o, sizeof o, options, &model->context->message);
    if (status == RN_OK && o.reserved != 0)
        status = rn_fail(&model->context->message, RN_INVALID_ARGUMENT, "rn_model_save: a reserved option is set");
    return status == RN_OK ? save(model, NULL, path, (rn_format)o.format) : status;
}

/* ---- reading --------------------------------------------------------------------------------------------------- */

/* The input size; untouched if the file does not say. */
static rn_status read_input(rn_model_options *options, rn_context *context, const rn_checkpoint *file, const char *path,
                            int64_t max_pixels)
{
    uint64_t number[3] = { 0, 0, 0 };
    rn_json *list = NULL;
    const rn_json *item;
    bool fine;
    rn_status status = rn_file_list(&list, context, file, RN_KEY_INPUT, path);

    if (status != RN_OK || list == NULL)
        return status;
    fine = rn_json_count(list) == 3;
    item = rn_json_first(list);
    for (int i = 0; fine && i < 3; i++, item = rn_json_next(item))
        fine = rn_json_size(&number[i], item) && number[i] >= 1 && number[i] <= MAX_SIDE;
    rn_json_destroy(list);
    if (!fine || number[0] != 3)
        return rn_fail(&context->message, RN_FORMAT, "%s: the metadata '%s' is no input size [3, height, width]", path,
                       RN_KEY_INPUT);
    if ((int64_t)(number[1] * number[2]) > max_pixels)
        return rn_fail(&context->message, RN_FORMAT,
                       "%s: an input of %" PRIu64 " x %" PRIu64 " pixels; %" PRId64 " are allowed "
                       "(rn_model_open_options.max_pixels)",
                       path, number[1], number[2], max_pixels);
    options->height = (int32_t)number[1];
    options->width = (int32_t)number[2];
    return RN_OK;
}

/*
 * True if the elements lie in at least as much storage as they are many: views that repeat them, by strides of zero or
 * by rows that overlap, reach over less. The file held that storage, so nothing here overflows.
 */
static bool is_dense(const rn_tensor *tensor)
{
    int64_t reach = 1;

    for (int32_t axis = 0; axis < rn_tensor_rank(tensor); axis++)
        reach += (rn_tensor_shape(tensor)[axis] - 1) * rn_tensor_strides(tensor)[axis];
    return reach >= rn_tensor_count(tensor);
}

/*
 * The number of classes, from the class table or from its own entry. A head of that size is made only if the file has a
 * tensor with storage of its own that could be its weights: at least 16 elements a class, where no network's head takes
 * more than 4096. So a small file cannot ask for a large model.
 */
static rn_status read_class_count(rn_model_options *options, rn_context *context, const rn_checkpoint *file,
                                  const char *path)
{
    const char *const text = rn_checkpoint_metadata(file, RN_KEY_CLASS_COUNT);
    const size_t table = options->classes != NULL ? rn_classes_count(options->classes) : 0;
    char *end = NULL;
    int64_t count = (int64_t)table;

    if (text != NULL) {
        const bool digit = text[0] >= '1' && text[0] <= '9' && strlen(text) <= 7;

        count = digit ? (int64_t)strtol(text, &end, 10) : 0;
        if (!digit || *end != '\0' || count > RN_FILE_CLASSES || (table != 0 && (uint64_t)count != table))
            return rn_fail(&context->message, RN_FORMAT, "%s: the metadata '%s' is '%s'", path, RN_KEY_CLASS_COUNT,
                           text);
    }
    options->class_count = count;
    for (size_t i = 0; count > 0 && i < rn_checkpoint_count(file); i++) {
        const rn_tensor *const tensor = rn_checkpoint_tensor(file, i);
        const int32_t rank = rn_tensor_rank(tensor);

        if ((rank == 2 || rank == 4) && rn_tensor_shape(tensor)[0] == count && rn_tensor_count(tensor) / count >= 16 &&
            is_dense(tensor))
            return RN_OK;
    }
    return count == 0
               ? RN_OK
               : rn_fail(&context->message, RN_FORMAT, "%s: %" PRId64 " classes, but no weights for them", path, count);
}

static rn_status read_pipelines(rn_model *model, const rn_checkpoint *file, const char *path)
{
    const char *const pipeline = rn_checkpoint_metadata(file, RN_KEY_PIPELINE);
    const char *const training = rn_checkpoint_metadata(file, RN_KEY_TRAINING_PIPELINE);
    rn_status status = pipeline != NULL ? rn_model_set_pipeline(model, pipeline) : RN_OK;

    if (status == RN_OK && training != NULL)
        status = rn_model_set_training_pipeline(model, training);
    return status == RN_OK ? RN_OK : rn_file_blame(model->context, status, path);
}

static rn_status check_kind(rn_context *context, const rn_checkpoint *file, const char *path)
{
    const char *const kind = rn_checkpoint_metadata(file, RN_KEY_KIND);

    if (rn_checkpoint_metadata(file, RN_KEY_NETWORK) == NULL)
        return rn_fail(&context->message, RN_FORMAT,
                       "%s carries no network name (metadata '%s'): it is no model file; rn_model_create the network "
                       "and rn_model_load the file",
                       path, RN_KEY_NETWORK);
    if (kind != NULL && strcmp(kind, RN_KIND_MODEL) != 0 && strcmp(kind, RN_KIND_TRAINING) != 0)
        return rn_fail(&context->message, RN_FORMAT, "%s: a file of the unknown kind '%s'", path, kind);
    return RN_OK;
}

static rn_status create_network(rn_model **model, rn_context *context, const rn_checkpoint *file,
                                const rn_model_options *options, const char *path)
{
    const char *const network = rn_checkpoint_metadata(file, RN_KEY_NETWORK);
    const rn_status status = rn_zoo_create_without_values(model, context, network, options);

    if (status == RN_OK || status == RN_NO_MEMORY)
        return status;
    /* "not a network of the zoo" is told apart by its status; whatever else was refused, the file asked for it */
    if (rn_zoo_find(network) == NULL)
        return rn_fail(&context->message, RN_INVALID_ARGUMENT, "%s: '%s' is not a network of the zoo", path, network);
    return rn_file_blame(context, status, path);
}

static rn_status open_model(rn_model **model, rn_context *context, const rn_checkpoint *file, const char *path,
                            int64_t max_pixels)
{
    rn_model_options options = { .struct_size = sizeof options };
    rn_classes *classes = NULL;
    rn_model *created = NULL;
    rn_status status;

    if ((status = check_kind(context, file, path)) != RN_OK ||
        (status = rn_file_classes(&classes, context, file, path)) != RN_OK)
        return status;
    options.classes = classes;
    if ((status = read_input(&options, context, file, path, max_pixels)) == RN_OK &&
        (status = read_class_count(&options, context, file, path)) == RN_OK &&
        (status = create_network(&created, context, file, &options, path)) == RN_OK &&
        (status = read_pipelines(created, file, path)) == RN_OK)
        status = rn_model_take(created, file, NULL, path, false);
    rn_classes_destroy(classes);
    if (status != RN_OK)
        rn_model_destroy(created);
    else
        *model = created;
    return status;
}

rn_status rn_model_open(rn_model **model, rn_context *context, const char *path, const rn_model_open_options *options)
{
    rn_checkpoint *file = NULL;
    rn_model_open_options o;
    rn_status status;

    if (model != NULL)
        *model = NULL;
    if (context == NULL)
        return rn_fail_null("rn_model_open", "context");
    if (model == NULL || path == NULL)
        return rn_fail(&context->message, RN_INVALID_ARGUMENT, "rn_model_open: %s is NULL",
                       model == NULL ? "model" : "path");
    status = rn_options_read(&o, sizeof o, options, &context->message);
    if (status == RN_OK && o.max_pixels < 0)
        status = rn_fail(&context->message, RN_INVALID_ARGUMENT, "a limit of %" PRId64 " pixels", o.max_pixels);
    if (status == RN_OK)
        status = rn_checkpoint_open(&file, context, path, NULL);
    if (status == RN_OK)
        status = open_model(model, context, file, path, o.max_pixels != 0 ? o.max_pixels : STANDARD_PIXELS);
    rn_checkpoint_destroy(file);
    return status;
}
