/* SPDX-License-Identifier: MIT */
/*
 * Values of a model from a checkpoint, all or none: every tensor is looked at before the first one is copied, and what
 * does not fit is reported by name, all kinds of trouble in one message.
 */
#include "base/options.h"
#include "checkpoint/checkpoint.h"
#include "store/keys.h"
#include "store/source.h"
#include "store/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

RN_NO_TAIL_PADDING(rn_load_options, allow_surplus);

/* ---- comparing ------------------------------------------------------------------------------------------------- */

static rn_status add_difference(rn_load_report *report, const rn_parameter *entry, const rn_tensor *tensor)
{
    char ours[128], theirs[128], text[1536];

    if (rn_tensor_same_shape(entry->value, tensor))
        snprintf(text, sizeof text, "%s (%s in the file)", entry->name, rn_dtype_name(rn_tensor_dtype(tensor)));
    else
        snprintf(text, sizeof text, "%s %s in the file, %s in the model", entry->name,
                 rn_shape_text(theirs, sizeof theirs, rn_tensor_rank(tensor), rn_tensor_shape(tensor)),
                 rn_shape_text(ours, sizeof ours, rn_tensor_rank(entry->value), rn_tensor_shape(entry->value)));
    return rn_load_report_add(report, RN_LOAD_DIFFERENT, text);
}

static bool is_wanted(const rn_model *model, const rn_parameter *entry, const rn_load_report *report)
{
    return !(report->head_skipped && rn_model_in_head(model, entry->name));
}

/* Finds the fate of each parameter; values[i] becomes the tensor that it takes, or NULL. */
static rn_status compare_parameters(const rn_tensor **values, rn_load_report *report, const rn_load_source *source)
{
    const rn_parameters *const parameters = source->model->graph->parameters;
    rn_status status = RN_OK;

    for (size_t i = 0; status == RN_OK && i < parameters->count; i++) {
        const rn_parameter *const entry = &parameters->entry[i];
        const rn_tensor *const tensor = rn_source_find(source, entry->name);

        values[i] = NULL;
        if (!is_wanted(source->model, entry, report)) {
            status = rn_load_report_add(report, RN_LOAD_KEPT, entry->name);
        } else if (tensor == NULL) {
            /* Files from before PyTorch 0.4.1 count no batches. */
            if (rn_tensor_dtype(entry->value) == RN_FLOAT32)
                status = rn_load_report_add(report, RN_LOAD_MISSING, entry->name);
        } else if (!rn_value_fits(entry, tensor)) {
            status = add_difference(report, entry, tensor);
        } else {
            values[i] = tensor;
            status = rn_load_report_add(report, RN_LOAD_LOADED, entry->name);
        }
    }
    return status;
}

/* Tensors of another state dict that fits are no surplus of this one. */
static bool is_of_another(const rn_load_report *report, const char *name)
{
    const rn_name_list *const list = &report->list[RN_LOAD_CANDIDATES];

    for (size_t i = 0; i < list->kept; i++) {
        const size_t length = strlen(list->name[i]);

        if (length > strlen(report->prefix) && strncmp(name, list->name[i], length) == 0)
            return true;
    }
    return false;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The model's names in order, so that looking for each of a file's takes a few comparisons. */
static const char **sorted_names(const rn_parameters *parameters)
{
    const char **const names = rn_allocate_array(&parameters->context->allocator, parameters->count, sizeof *names);

    for (size_t i = 0; names != NULL && i < parameters->count; i++)
        names[i] = parameters->entry[i].name;
    if (names != NULL)
        qsort(names, parameters->count, sizeof *names, compare_names);
    return names;
}

/* A checkpoint may hold an optimizer's state dict beside the model's. */
static bool has_optimizer(const rn_checkpoint *file)
{
    const char *const kind = rn_checkpoint_metadata(file, RN_KEY_KIND);

    return rn_checkpoint_metadata(file, RN_KEY_OPTIMIZER) != NULL ||
           (kind != NULL && strcmp(kind, RN_KIND_TRAINING) == 0);
}

static rn_status compare_tensors(rn_load_report *report, const rn_load_source *source)
{
    const bool passes_optimizer = has_optimizer(source->file);
    const rn_model *const model = source->model;
    const rn_parameters *const parameters = model->graph->parameters;
    const char **const names = sorted_names(parameters);
    rn_status status = RN_OK;

    if (names == NULL)
        return rn_fail(&report->context->message, RN_NO_MEMORY, "no memory to compare names");
    for (size_t i = 0; status == RN_OK && i < rn_checkpoint_count(source->file); i++) {
        const char *const full = rn_checkpoint_name(source->file, i), *const name = full + source->length;

        if (strncmp(full, source->prefix, source->length) != 0 || is_of_another(report, full) ||
            (report->head_skipped && rn_model_in_head(model, name)) ||
            (passes_optimizer && strncmp(name, RN_OPTIMIZER_PREFIX, strlen(RN_OPTIMIZER_PREFIX)) == 0) ||
            bsearch(&name, names, parameters->count, sizeof *names, compare_names) != NULL)
            continue;
        status = rn_load_report_add(report, RN_LOAD_SURPLUS, name);
    }
    rn_release(&report->context->allocator, names);
    return status;
}

/* ---- class table and preprocessing ----------------------------------------------------------------------------- */

static rn_status compare_classes(const rn_model *model, const rn_classes *theirs, const char *path)
{
    const rn_classes *const ours = rn_model_classes(model);
    rn_message *const message = &model->context->message;

    if (rn_classes_count(ours) != rn_classes_count(theirs))
        return rn_fail(message, RN_SHAPE, "the model has %zu classes, %s has a table of %zu", rn_classes_count(ours),
                       path, rn_classes_count(theirs));
    for (size_t i = 0; i < rn_classes_count(ours); i++) {
        if (strcmp(rn_classes_folder(ours, i), rn_classes_folder(theirs, i)) != 0)
            return rn_fail(message, RN_SHAPE,
                           "class %zu is \"%s\" in %s and \"%s\" in the model: its head means other classes "
                           "(rn_load_options.head leaves it out, .classes takes it all the same)",
                           i, rn_classes_folder(theirs, i), path, rn_classes_folder(ours, i));
    }
    return RN_OK;
}

/* A model that has no table or no pipeline of its own takes what the file says, where it fits. */
static rn_status adopt(rn_model *model, const rn_checkpoint *file, const rn_classes *classes, const char *path)
{
    const char *const pipeline = rn_checkpoint_metadata(file, RN_KEY_PIPELINE);
    const char *const training = rn_checkpoint_metadata(file, RN_KEY_TRAINING_PIPELINE);
    rn_status status = RN_OK;

    if (rn_model_classes(model) == NULL && classes != NULL)
        status = rn_model_set_classes(model, classes);
    if (status == RN_OK && rn_model_pipeline(model) == NULL && pipeline != NULL)
        status = rn_model_set_pipeline(model, pipeline);
    if (status == RN_OK && rn_model_training_pipeline(model) == NULL && training != NULL)
        status = rn_model_set_training_pipeline(model, training);
    if (status == RN_OK || status == RN_NO_MEMORY)
        return status;
    return rn_fail(&model->context->message, RN_SHAPE, "%s: its class table or preprocessing is not for this model",
                   path);
}

/* The table is the meaning of the head: of no interest if that stays behind. */
static rn_status take_classes(rn_model *model, const rn_checkpoint *file, const rn_load_report *report,
                              const rn_load_options *options, const char *path, bool check_only)
{
    rn_classes *classes = NULL;
    rn_status status = RN_OK;

    if (!report->head_skipped)
        status = rn_file_classes(&classes, model->context, file, path);
    if (status == RN_OK && classes != NULL && rn_model_classes(model) != NULL &&
        options->classes == RN_CLASSES_MUST_AGREE)
        status = compare_classes(model, classes, path);
    if (status == RN_OK && !check_only)
        status = adopt(model, file, classes, path);
    rn_classes_destroy(classes);
    return status;
}

/* ---- the whole ------------------------------------------------------------------------------------------------- */

static rn_status read_options(rn_load_options *options, const rn_load_options *given, rn_message *message)
{
    const rn_status status = rn_options_read(options, sizeof *options, given, message);

    if (status != RN_OK)
        return status;
    if (options->report != NULL)
        *options->report = NULL;
    if (options->head < RN_HEAD_MUST_FIT || options->head > RN_HEAD_SKIP)
        return rn_fail(message, RN_INVALID_ARGUMENT, "there is no head policy %d", (int)options->head);
    if (options->classes < RN_CLASSES_MUST_AGREE || options->classes > RN_CLASSES_IGNORE)
        return rn_fail(message, RN_INVALID_ARGUMENT, "there is no class policy %d", (int)options->classes);
    return RN_OK;
}

static rn_status compare(const rn_tensor **values, rn_load_report *report, const rn_load_source *source,
                         const rn_load_options *options, const char *path)
{
    rn_model *const model = (rn_model *)(uintptr_t)source->model;
    rn_status status = compare_parameters(values, report, source);

    if (status == RN_OK)
        status = compare_tensors(report, source);
    if (status == RN_OK)
        status = rn_load_report_judge(report, options, path, model->name, &model->context->message);
    return status;
}

static rn_status take(rn_model *model, rn_load_report *report, const rn_checkpoint *file,
                      const rn_load_options *options, const char *path, bool check_only)
{
    rn_parameters *const parameters = model->graph->parameters;
    const rn_classes *const classes = rn_model_classes(model);
    const rn_pipeline *const pipeline = rn_model_pipeline(model), *const training = rn_model_training_pipeline(model);
    rn_load_source source = { .model = model, .file = file };
    const rn_tensor **values;
    rn_status status = rn_source_locate(&source, report, options, path);

    if (status != RN_OK)
        return status;
    values = rn_allocate_zeroed(&model->context->allocator, parameters->count, sizeof *values);
    if (values == NULL)
        return rn_fail(&model->context->message, RN_NO_MEMORY, "no memory to load %s", path);
    report->head_skipped = rn_source_skips_head(&source, options->head);
    status = compare(values, report, &source, options, path);
    if (status == RN_OK)
        status = take_classes(model, file, report, options, path, check_only);
    if (status == RN_OK && !check_only)
        status = rn_parameters_replace(parameters, values, &model->context->message);
    if (status != RN_OK) { /* all or none */
        atomic_store(&model->classes, classes);
        atomic_store(&model->pipeline, pipeline);
        atomic_store(&model->training_pipeline, training);
    } else if (report->head_skipped && !check_only) {
        rn_context_log(model->context, RN_LOG_INFO, "%s: the head '%s' is not taken; it stays as it was initialised",
                       path, model->graph->head[0]);
    }
    rn_release(&model->context->allocator, values);
    return status;
}

rn_status rn_model_take(rn_model *model, const rn_checkpoint *file, const rn_load_options *given, const char *path,
                        bool check_only)
{
    rn_load_report *report = NULL;
    rn_load_options options;
    rn_status status = read_options(&options, given, &model->context->message);

    if (status == RN_OK)
        status = rn_load_report_create(&report, model->context);
    if (status != RN_OK)
        return status;
    status = take(model, report, file, &options, path, check_only);
    if (options.report != NULL && (status == RN_OK || status == RN_SHAPE || status == RN_INVALID_ARGUMENT))
        *options.report = report;
    else
        rn_load_report_destroy(report);
    return status;
}

rn_status rn_model_load_checkpoint(rn_model *model, const rn_checkpoint *checkpoint, const rn_load_options *options)
{
    if (model == NULL)
        return rn_fail_null("rn_model_load_checkpoint", "model");
    if (checkpoint == NULL)
        return rn_fail(&model->context->message, RN_INVALID_ARGUMENT, "rn_model_load_checkpoint: checkpoint is NULL");
    return rn_model_take(model, checkpoint, options, "the checkpoint", false);
}

rn_status rn_model_load(rn_model *model, const char *path, const rn_load_options *options)
{
    rn_checkpoint *file = NULL;
    rn_status status;

    if (model == NULL)
        return rn_fail_null("rn_model_load", "model");
    if (path == NULL)
        return rn_fail(&model->context->message, RN_INVALID_ARGUMENT, "rn_model_load: path is NULL");
    status = rn_checkpoint_open(&file, model->context, path, NULL);
    if (status == RN_OK)
        status = rn_model_take(model, file, options, path, false);
    rn_checkpoint_destroy(file);
    return status;
}
