/* SPDX-License-Identifier: MIT */
/*
 * A training checkpoint for PyTorch: state dicts of ours and metadata become the nested dictionaries that a training
 * script saves.
 */
#include "store/training_export.h"

#include "base/options.h"
#include "base/text.h"
#include "store/keys.h"
#include "store/store.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

RN_NO_TAIL_PADDING(rn_training_export_options, scheduler_key);

#define KEY_MAPPING "mapping"
#define KEY_NAMES "class_to_name"
#define KEY_ARCH "arch"
#define KEY_BEST "best_acc"

static bool starts_with(const char *text, const char *start)
{
    return strncmp(text, start, strlen(start)) == 0;
}

/* ---- weights ----------------------------------------------------------------------------------------------------- */

static bool is_slot(const rn_export *file, size_t index)
{
    return file->optimizer != NULL && starts_with(rn_checkpoint_name(file->source, index), RN_OPTIMIZER_PREFIX);
}

static bool is_average(const rn_export *file, size_t index)
{
    return rn_checkpoint_metadata(file->source, RN_KEY_EMA) != NULL &&
           starts_with(rn_checkpoint_name(file->source, index), RN_EMA_PREFIX);
}

static rn_status put_weights(rn_export *file, const char *key)
{
    const size_t count = rn_checkpoint_count(file->source);
    size_t left_out = 0;
    rn_status status = RN_OK;

    for (size_t i = 0; i < count; i++) {
        file->slots_left += is_slot(file, i);
        left_out += is_average(file, i);
    }
    if (left_out > 0)
        rn_context_log(file->context, RN_LOG_WARNING,
                       "the average of the weights is left out of the training checkpoint");
    if (file->slots_left + left_out == count)
        return RN_OK;
    rn_pickler_text(&file->pickler, key);
    rn_pickler_open(&file->pickler, RN_PICKLER_ORDERED);
    for (size_t i = 0; status == RN_OK && i < count; i++) {
        if (is_slot(file, i) || is_average(file, i))
            continue;
        rn_pickler_text(&file->pickler, rn_checkpoint_name(file->source, i));
        status = rn_export_tensor(file, rn_checkpoint_name(file->source, i), rn_checkpoint_tensor(file->source, i));
    }
    rn_pickler_close(&file->pickler, RN_PICKLER_ORDERED);
    return status;
}

/* ---- metadata ---------------------------------------------------------------------------------------------------- */

/* A whole number as Python prints it, of at most 18 digits. */
static bool is_integer(const char *text)
{
    const char *const digits = text[0] == '-' ? text + 1 : text;
    const size_t length = strspn(digits, "0123456789");

    return length >= 1 && length <= 18 && digits[length] == '\0' && (length == 1 || digits[0] != '0');
}

/* May be a number: begins as JSON wants it. "007" is a name. */
static bool begins_a_number(const char *text)
{
    const char *const digits = text[0] == '-' ? text + 1 : text;

    return digits[0] >= '0' && digits[0] <= '9' && !(digits[0] == '0' && digits[1] >= '0' && digits[1] <= '9');
}

/* What rn_checkpoint_open prints for a value of Python's. */
static rn_status put_value(rn_export *file, const char *text)
{
    const bool other = strcmp(text, "nan") == 0 || strcmp(text, "inf") == 0 || strcmp(text, "-inf") == 0;
    rn_json *json = NULL;
    double number = 0;
    rn_status status = RN_FORMAT;

    if (strcmp(text, "true") == 0 || strcmp(text, "false") == 0) {
        rn_pickler_truth(&file->pickler, text[0] == 't');
        return RN_OK;
    }
    if (is_integer(text)) {
        rn_pickler_integer(&file->pickler, strtoll(text, NULL, 10));
        return RN_OK;
    }
    if (other)
        number = text[0] == 'n' ? NAN : text[0] == 'i' ? INFINITY : -INFINITY;
    else if (begins_a_number(text))
        status = rn_json_parse(&json, text, strlen(text), &file->context->message);
    if (other || (status == RN_OK && rn_json_number(&number, json)))
        rn_pickler_number(&file->pickler, number);
    else
        rn_pickler_text(&file->pickler, text);
    rn_json_destroy(json);
    return status == RN_NO_MEMORY ? status : RN_OK;
}

static rn_status put_metadata(rn_export *file, const rn_training_export_options *o)
{
    rn_status status = RN_OK;

    for (size_t i = 0; status == RN_OK && i < rn_checkpoint_metadata_count(file->source); i++) {
        const char *const key = rn_checkpoint_metadata_key(file->source, i);

        if (starts_with(key, "rn."))
            continue;
        if (strstr(key, "param_groups.0.") != NULL)
            return rn_fail(&file->context->message, RN_FORMAT,
                           "the checkpoint is in PyTorch's form already ('%s'): load model and optimizer from it", key);
        if (strcmp(key, o->model_key) == 0 || strcmp(key, o->optimizer_key) == 0 ||
            strcmp(key, o->scheduler_key) == 0 || strcmp(key, KEY_MAPPING) == 0)
            return rn_fail(&file->context->message, RN_INVALID_ARGUMENT,
                           "the checkpoint's metadata has the key '%s', which is that of a part of the file", key);
        rn_pickler_text(&file->pickler, key);
        status = put_value(file, rn_checkpoint_metadata(file->source, key));
    }
    return status;
}

/* Unless the caller has said it himself. */
static bool is_free(const rn_export *file, const char *key)
{
    return rn_checkpoint_metadata(file->source, key) == NULL;
}

static rn_status parse(rn_json **json, const rn_export *file, const char *key)
{
    const char *const text = rn_checkpoint_metadata(file->source, key);
    rn_status status;

    *json = NULL;
    if (text == NULL)
        return RN_OK;
    status = rn_json_parse(json, text, strlen(text), &file->context->message);
    if (status == RN_FORMAT || (status == RN_OK && !rn_json_is_object(*json)))
        return rn_fail(&file->context->message, RN_FORMAT, "the checkpoint's metadata '%s' is no JSON object", key);
    return status;
}

/* What a trainer recorded: in its last file the state of the run, in its best file the best alone. */
static rn_status put_best(rn_export *file)
{
    const rn_json *best;
    rn_json *state;
    double accuracy;
    rn_status status = parse(&state, file, RN_KEY_STATE);

    best = rn_json_member(state, "best");
    if (status == RN_OK && rn_json_number(&accuracy, rn_json_member(best != NULL ? best : state, "accuracy"))) {
        rn_pickler_text(&file->pickler, KEY_BEST);
        rn_pickler_number(&file->pickler, accuracy);
    }
    rn_json_destroy(state);
    return status;
}

static void put_classes(rn_export *file, const rn_classes *classes)
{
    rn_pickler_text(&file->pickler, KEY_MAPPING);
    rn_pickler_open(&file->pickler, RN_PICKLER_DICT);
    for (size_t i = 0; i < rn_classes_count(classes); i++) {
        rn_pickler_text(&file->pickler, rn_classes_folder(classes, i));
        rn_pickler_integer(&file->pickler, (int64_t)i);
    }
    rn_pickler_close(&file->pickler, RN_PICKLER_DICT);
    if (!is_free(file, KEY_NAMES))
        return;
    rn_pickler_text(&file->pickler, KEY_NAMES);
    rn_pickler_open(&file->pickler, RN_PICKLER_DICT);
    for (size_t i = 0; i < rn_classes_count(classes); i++) {
        rn_pickler_text(&file->pickler, rn_classes_folder(classes, i));
        rn_pickler_text(&file->pickler, rn_classes_name(classes, i));
    }
    rn_pickler_close(&file->pickler, RN_PICKLER_DICT);
}

static rn_status put_description(rn_export *file)
{
    const char *const network = rn_checkpoint_metadata(file->source, RN_KEY_NETWORK);
    rn_classes *classes = NULL;
    rn_status status = rn_file_classes(&classes, file->context, file->source, "the checkpoint");

    if (status == RN_OK && classes != NULL)
        put_classes(file, classes);
    rn_classes_destroy(classes);
    if (network != NULL && is_free(file, KEY_ARCH)) {
        rn_pickler_text(&file->pickler, KEY_ARCH);
        rn_pickler_text(&file->pickler, network);
    }
    return status == RN_OK && is_free(file, KEY_BEST) ? put_best(file) : status;
}

/* ---- the file ---------------------------------------------------------------------------------------------------- */

static rn_status put_states(rn_export *file, const rn_training_export_options *o)
{
    rn_status status = RN_OK;

    if (file->optimizer != NULL) {
        rn_pickler_text(&file->pickler, o->optimizer_key);
        status = rn_export_optimizer(file);
    }
    return status == RN_OK && file->scheduler != NULL ? rn_export_scheduler(file, o->scheduler_key) : status;
}

static rn_status put_all(rn_export *file, const rn_training_export_options *o)
{
    rn_status status;

    rn_pickler_begin(&file->pickler, &file->pickle);
    rn_pickler_open(&file->pickler, RN_PICKLER_DICT);
    if ((status = parse(&file->optimizer, file, RN_KEY_OPTIMIZER)) != RN_OK ||
        (status = parse(&file->scheduler, file, RN_KEY_SCHEDULER)) != RN_OK ||
        (status = put_weights(file, o->model_key)) != RN_OK || (status = put_states(file, o)) != RN_OK ||
        (status = put_description(file)) != RN_OK || (status = put_metadata(file, o)) != RN_OK)
        return status;
    rn_pickler_close(&file->pickler, RN_PICKLER_DICT);
    rn_pickler_end(&file->pickler);
    return RN_OK;
}

static rn_status export_file(const rn_checkpoint *state, const char *path, const rn_training_export_options *o)
{
    rn_export file = { .context = state->context, .source = state };
    rn_status status;

    rn_bytes_init(&file.pickle, &state->context->allocator);
    status = rn_checkpoint_create(&file.archive, state->context);
    if (status == RN_OK)
        status = put_all(&file, o);
    if (status == RN_OK)
        status = rn_torch_zip_write_pickle(file.archive, &file.pickle, path);
    rn_json_destroy(file.optimizer);
    rn_json_destroy(file.scheduler);
    rn_bytes_release(&file.pickle);
    rn_checkpoint_destroy(file.archive);
    return status;
}

static rn_status check_key(const char *key, const char *other, rn_message *message)
{
    if (!rn_text_is_utf8(key))
        return rn_fail(message, RN_INVALID_ARGUMENT, "a key of the file must be UTF-8");
    return strcmp(key, other) != 0 && strcmp(key, KEY_MAPPING) != 0 && strcmp(key, KEY_NAMES) != 0 &&
                   strcmp(key, KEY_ARCH) != 0 && strcmp(key, KEY_BEST) != 0
               ? RN_OK
               : rn_fail(message, RN_INVALID_ARGUMENT, "two parts of the file would have the key '%s'", key);
}

rn_status rn_training_export(const rn_checkpoint *state, const char *path, const rn_training_export_options *options)
{
    rn_training_export_options o;
    rn_message *message;
    rn_status status;

    if (state == NULL)
        return rn_fail_null("rn_training_export", "state");
    message = &state->context->message;
    if (path == NULL)
        return rn_fail(message, RN_INVALID_ARGUMENT, "rn_training_export: path is NULL");
    status = rn_options_read(&o, sizeof o, options, message);
    if (status != RN_OK)
        return status;
    o.model_key = o.model_key != NULL ? o.model_key : "state_dict";
    o.optimizer_key = o.optimizer_key != NULL ? o.optimizer_key : "optimizer";
    o.scheduler_key = o.scheduler_key != NULL ? o.scheduler_key : "scheduler";
    if ((status = check_key(o.model_key, o.optimizer_key, message)) != RN_OK ||
        (status = check_key(o.optimizer_key, o.scheduler_key, message)) != RN_OK ||
        (status = check_key(o.scheduler_key, o.model_key, message)) != RN_OK)
        return status;
    if (!RN_CHECKPOINT_READABLE)
        return rn_fail(message, RN_UNSUPPORTED, "%s: checkpoints are little-endian, and this machine is not", path);
    return export_file(state, path, &o);
}
