/* SPDX-License-Identifier: MIT */
/*
 * Values of a model from a checkpoint, all or none: every tensor is looked at before the first one is copied, and what
 * does not fit is reported by name, all kinds of trouble in one message.
 */
#include "base/options.h"
#include "checkpoint/checkpoint.h"
#include "store/advice.h"
#include "store/keys.h"
#include "store/store.h"

#include <stdio.h>
#include <string.h>

RN_NO_TAIL_PADDING(rn_load_options, rename_count);

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
    char reason[sizeof model->context->message.text];
    rn_status status = RN_OK;

    if (rn_model_classes(model) == NULL && classes != NULL)
        status = rn_model_set_classes(model, classes);
    if (status == RN_OK && rn_model_pipeline(model) == NULL && pipeline != NULL)
        status = rn_model_set_pipeline(model, pipeline);
    if (status == RN_OK && rn_model_training_pipeline(model) == NULL && training != NULL)
        status = rn_model_set_training_pipeline(model, training);
    if (status == RN_OK || status == RN_NO_MEMORY)
        return status;
    memcpy(reason, model->context->message.text, sizeof reason);
    return rn_fail(&model->context->message, RN_SHAPE,
                   "%s: its class table or preprocessing is not for this model, which has none of its own: %s", path,
                   reason);
}

/* Weights serve any size of input, but no longer see what they were trained on. */
static void compare_input(const rn_model *model, const rn_checkpoint *file, const char *path)
{
    const char *const theirs = rn_checkpoint_metadata(file, RN_KEY_INPUT);
    int64_t ours[3];
    long long said[3];

    rn_model_input_size(model, &ours[0], &ours[1], &ours[2]);
    if (theirs != NULL && sscanf(theirs, "[%9lld, %9lld, %9lld]", &said[0], &said[1], &said[2]) == 3 &&
        (said[0] != ours[0] || said[1] != ours[1] || said[2] != ours[2]))
        rn_context_log(model->context, RN_LOG_WARNING,
                       "%s: its network had an input of %lld x %lld x %lld, the model has one of %lld x %lld x %lld",
                       path, said[0], said[1], said[2], (long long)ours[0], (long long)ours[1], (long long)ours[2]);
}

/* The table is the meaning of the head: of no interest if that stays behind. */
static rn_status take_classes(rn_model *model, const rn_checkpoint *file, const rn_load_report *report,
                              const rn_load_options *options, const char *path, bool check_only)
{
    rn_classes *classes = NULL;
    rn_status status = RN_OK;

    if (!report->head_skipped)
        status = rn_file_classes(&classes, model->context, file, path);
    if (status == RN_OK && classes == NULL && !report->head_skipped && rn_model_class_count(model) > 0)
        status = rn_file_class_dictionary(&classes, model->context, file, (size_t)rn_model_class_count(model));
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
    static const size_t older[] = { offsetof(rn_load_options, rename) };
    const rn_status status = rn_options_read_older(options, sizeof *options, older, 1, given, message);

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

/* Why the file is refused, with what can be done about it. */
static rn_status refuse(const rn_load_source *source, const rn_load_report *report, const rn_load_options *options,
                        const char *path)
{
    char advice[RN_ADVICE_SIZE];
    const rn_status status = rn_load_advise(advice, source, report, options);

    return status == RN_OK ? rn_load_report_fail(report, options, path, source->model->name, advice) : status;
}

static rn_status take_values(rn_model *model, const rn_tensor **values, rn_load_report *report,
                             const rn_load_source *source, const rn_load_options *options, const char *path,
                             bool check_only)
{
    const rn_classes *const classes = rn_model_classes(model);
    const rn_pipeline *const pipeline = rn_model_pipeline(model), *const training = rn_model_training_pipeline(model);
    rn_status status;

    report->head_skipped = rn_source_skips_head(source, options->head);
    status = rn_load_compare(values, report, source);
    if (status == RN_OK && rn_load_report_refuses(report, options))
        status = refuse(source, report, options, path);
    if (status == RN_OK)
        rn_source_log(source, model->context, path);
    if (status == RN_OK)
        status = take_classes(model, source->names->file, report, options, path, check_only);
    if (status == RN_OK && !check_only)
        status = rn_parameters_replace(model->graph->parameters, values, &model->context->message);
    if (status != RN_OK) { /* all or none */
        atomic_store(&model->classes, classes);
        atomic_store(&model->pipeline, pipeline);
        atomic_store(&model->training_pipeline, training);
        return status;
    }
    compare_input(model, source->names->file, path);
    if (report->head_skipped && !check_only)
        rn_context_log(model->context, RN_LOG_INFO, "%s: the head '%s' is not taken; it stays as it was initialised",
                       path, model->graph->head[0]);
    return RN_OK;
}

static rn_status take(rn_model *model, rn_load_report *report, const rn_file_names *names,
                      const rn_load_options *options, const char *path, bool check_only)
{
    rn_load_source source;
    const rn_tensor **values;
    rn_status status = rn_source_create(&source, model, names);

    if (status != RN_OK)
        return status;
    status = rn_source_locate(&source, report, options, path);
    if (status == RN_OK) {
        values = rn_allocate_zeroed(&model->context->allocator, model->graph->parameters->count, sizeof *values);
        status = values != NULL ? take_values(model, values, report, &source, options, path, check_only)
                                : rn_fail(&model->context->message, RN_NO_MEMORY, "no memory to load %s", path);
        rn_release(&model->context->allocator, values);
    }
    rn_source_release(&source);
    return status;
}

rn_status rn_model_take(rn_model *model, const rn_checkpoint *file, const rn_load_options *given, const char *path,
                        bool check_only)
{
    rn_load_report *report = NULL;
    rn_load_options options;
    rn_file_names names;
    rn_status status = read_options(&options, given, &model->context->message);

    if (status == RN_OK)
        status = rn_load_report_create(&report, model->context);
    if (status != RN_OK)
        return status;
    status = rn_file_names_create(&names, model->context, file, model->graph->parameters, &options, path);
    if (status == RN_OK)
        status = take(model, report, &names, &options, path, check_only);
    rn_file_names_release(&names);
    if (options.report != NULL && (status == RN_OK || status == RN_SHAPE || status == RN_INVALID_ARGUMENT))
        *options.report = report;
    else
        rn_load_report_destroy(report);
    return status;
}

/* What both calls refuse before a file is looked at. The options come first: a report is NULL after any failure. */
static rn_status begin_load(rn_model *model, const void *source, const rn_load_options *options, const char *call,
                            const char *what)
{
    rn_load_options read;
    const rn_status status = read_options(&read, options, model != NULL ? &model->context->message : NULL);

    if (model == NULL)
        return rn_fail_null(call, "model");
    if (source == NULL)
        return rn_fail(&model->context->message, RN_INVALID_ARGUMENT, "%s: %s is NULL", call, what);
    return status;
}

rn_status rn_model_load_checkpoint(rn_model *model, const rn_checkpoint *checkpoint, const rn_load_options *options)
{
    const rn_status status = begin_load(model, checkpoint, options, "rn_model_load_checkpoint", "checkpoint");

    return status == RN_OK ? rn_model_take(model, checkpoint, options, "the checkpoint", false) : status;
}

rn_status rn_model_load(rn_model *model, const char *path, const rn_load_options *options)
{
    rn_checkpoint *file = NULL;
    rn_status status = begin_load(model, path, options, "rn_model_load", "path");

    if (status == RN_OK)
        status = rn_checkpoint_open(&file, model->context, path, NULL);
    if (status == RN_OK)
        status = rn_model_take(model, file, options, path, false);
    rn_checkpoint_destroy(file);
    return status;
}
