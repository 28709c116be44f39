/* SPDX-License-Identifier: MIT */
/*
 * Values of a model from a checkpoint, all or none: every tensor is looked at before the first one is copied, and what
 * does not fit is reported by name, all kinds of trouble in one message.
 */
#include "store/store.h"
#include "base/options.h"
#include "checkpoint/checkpoint.h"
#include "store/keys.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

RN_NO_TAIL_PADDING(rn_load_options, reserved);

enum { LISTED = 8, LIST_SIZE = 640 };

/* Names of one kind of trouble: the first few, and how many there are. */
typedef struct name_list {
    char text[LIST_SIZE];
    size_t length, count;
} name_list;

typedef struct fit {
    name_list missing, surplus, different;
} fit;

#if defined(__GNUC__)
__attribute__((format(printf, 2, 3)))
#endif
static void
list_add(name_list *list, const char *format, ...)
{
    const size_t room = sizeof list->text - list->length;
    va_list arguments;
    int length;

    list->count++;
    if (list->count > LISTED || room < 4)
        return;
    if (list->count > 1)
        list->length += (size_t)snprintf(list->text + list->length, room, ", ");
    va_start(arguments, format);
    length = vsnprintf(list->text + list->length, sizeof list->text - list->length, format, arguments);
    va_end(arguments);
    if (length > 0 && (size_t)length < sizeof list->text - list->length)
        list->length += (size_t)length;
    else
        list->length = sizeof list->text - 1; /* cut: full */
}

/* ---- one tensor and one parameter ------------------------------------------------------------------------------ */

static bool is_float(rn_dtype dtype)
{
    return dtype == RN_FLOAT32 || dtype == RN_FLOAT64 || dtype == RN_FLOAT16 || dtype == RN_BFLOAT16;
}

/* A counter of batches is a scalar; very old files have it as an array of one. */
static bool shapes_fit(const rn_parameter *entry, const rn_tensor *tensor)
{
    if (rn_tensor_rank(entry->value) == 0)
        return rn_tensor_count(tensor) == 1;
    return rn_tensor_same_shape(entry->value, tensor);
}

static bool types_fit(const rn_parameter *entry, const rn_tensor *tensor)
{
    return rn_tensor_dtype(entry->value) != RN_FLOAT32 || is_float(rn_tensor_dtype(tensor));
}

static void report_difference(fit *found, const rn_parameter *entry, const rn_tensor *tensor)
{
    char ours[128], theirs[128];

    if (!types_fit(entry, tensor))
        list_add(&found->different, "%s (%s in the file)", entry->name, rn_dtype_name(rn_tensor_dtype(tensor)));
    else
        list_add(&found->different, "%s %s in the file, %s in the model", entry->name,
                 rn_shape_text(theirs, sizeof theirs, rn_tensor_rank(tensor), rn_tensor_shape(tensor)),
                 rn_shape_text(ours, sizeof ours, rn_tensor_rank(entry->value), rn_tensor_shape(entry->value)));
}

/* ---- where in the file the state dict lies --------------------------------------------------------------------- */

/*
 * A training script's checkpoint holds more than a state dict ({'state_dict': ..., 'best_acc': ..., 'optimizer': ...}),
 * so that its tensors are called "state_dict.conv1.weight". `prefix` is what stands before the parameters' names;
 * tensors elsewhere are not looked at.
 */
typedef struct source {
    const rn_checkpoint *file;
    char prefix[256];
    size_t length;
} source;

/* No prefix if the first parameter is there under its own name; otherwise the first name in the file that ends in it,
 * behind a dot, says. */
static source find_source(const rn_model *model, const rn_checkpoint *file)
{
    const char *const first = model->graph->parameters->count > 0 ? model->graph->parameters->entry[0].name : "";
    const size_t tail = strlen(first);
    source found = { .file = file };

    if (rn_checkpoint_find(file, first) != NULL)
        return found;
    for (size_t i = 0; i < rn_checkpoint_count(file); i++) {
        const char *const name = rn_checkpoint_name(file, i);
        const size_t length = strlen(name);

        if (length > tail + 1 && length - tail < sizeof found.prefix && name[length - tail - 1] == '.' &&
            strcmp(name + length - tail, first) == 0) {
            found.length = length - tail;
            memcpy(found.prefix, name, found.length);
            return found;
        }
    }
    return found;
}

static const rn_tensor *find_tensor(const source *from, const char *name)
{
    char full[1024];

    if (from->length == 0)
        return rn_checkpoint_find(from->file, name);
    if (snprintf(full, sizeof full, "%s%s", from->prefix, name) >= (int)sizeof full)
        return NULL;
    return rn_checkpoint_find(from->file, full);
}

/* ---- the whole ------------------------------------------------------------------------------------------------- */

static bool head_differs(const rn_model *model, const source *from)
{
    const rn_parameters *const parameters = model->graph->parameters;

    for (size_t i = 0; i < parameters->count; i++) {
        const rn_parameter *const entry = &parameters->entry[i];
        const rn_tensor *const tensor = rn_model_in_head(model, entry->name) ? find_tensor(from, entry->name) : NULL;

        if (tensor != NULL && !shapes_fit(entry, tensor))
            return true;
    }
    return false;
}

static bool skips_head(const rn_model *model, const source *from, int32_t policy)
{
    return policy == RN_HEAD_SKIP || (policy == RN_HEAD_SKIP_IF_SIZE_DIFFERS && head_differs(model, from));
}

static bool is_wanted(const rn_model *model, const rn_parameter *entry, bool skip_head)
{
    return !(skip_head && rn_model_in_head(model, entry->name));
}

static void compare_parameters(fit *found, const rn_model *model, const source *from, const rn_load_options *options,
                               bool skip_head)
{
    const rn_parameters *const parameters = model->graph->parameters;

    for (size_t i = 0; i < parameters->count; i++) {
        const rn_parameter *const entry = &parameters->entry[i];
        const rn_tensor *tensor;

        if (!is_wanted(model, entry, skip_head))
            continue;
        tensor = find_tensor(from, entry->name);
        if (tensor == NULL) {
            /* Files from before PyTorch 0.4.1 count no batches. */
            if (!options->allow_missing && rn_tensor_dtype(entry->value) == RN_FLOAT32)
                list_add(&found->missing, "%s", entry->name);
        } else if (!shapes_fit(entry, tensor) || !types_fit(entry, tensor)) {
            report_difference(found, entry, tensor);
        }
    }
}

static void compare_tensors(fit *found, const rn_model *model, const source *from, bool skip_head)
{
    const char *const kind = rn_checkpoint_metadata(from->file, RN_KEY_KIND);
    const bool training = kind != NULL && strcmp(kind, RN_KIND_TRAINING) == 0;

    for (size_t i = 0; i < rn_checkpoint_count(from->file); i++) {
        const char *name = rn_checkpoint_name(from->file, i);
        size_t index;

        if (strncmp(name, from->prefix, from->length) != 0)
            continue;
        name += from->length;
        if ((skip_head && rn_model_in_head(model, name)) ||
            (training && strncmp(name, RN_OPTIMIZER_PREFIX, strlen(RN_OPTIMIZER_PREFIX)) == 0))
            continue;
        if (rn_parameters_find(&index, model->graph->parameters, name) != RN_OK)
            list_add(&found->surplus, "%s", name);
    }
}

/* "; missing: a, b, c and 9 more" */
static void describe(char *text, size_t size, const char *title, const name_list *list)
{
    text[0] = '\0';
    if (list->count > LISTED)
        snprintf(text, size, "; %s: %s and %zu more", title, list->text, list->count - LISTED);
    else if (list->count > 0)
        snprintf(text, size, "; %s: %s", title, list->text);
}

static rn_status report(const rn_model *model, const fit *found, const char *path)
{
    char missing[LIST_SIZE + 64], surplus[LIST_SIZE + 64], different[LIST_SIZE + 64];

    if (found->missing.count + found->surplus.count + found->different.count == 0)
        return RN_OK;
    describe(missing, sizeof missing, "missing", &found->missing);
    describe(surplus, sizeof surplus, "surplus", &found->surplus);
    describe(different, sizeof different, "of another shape or type", &found->different);
    /* What differs first: where a file has the right names, that is the news. */
    return rn_fail(&model->context->message, RN_SHAPE,
                   "%s does not fit %s (%zu missing, %zu surplus, %zu different)%s%s%s", path, model->name,
                   found->missing.count, found->surplus.count, found->different.count, different, missing, surplus);
}

static rn_status copy_value(rn_parameters *parameters, size_t index, const rn_tensor *tensor)
{
    int64_t count = 0;
    rn_status status;

    if (rn_tensor_rank(parameters->entry[index].value) > 0)
        return rn_parameters_write(parameters, index, tensor);
    status = rn_tensor_read(tensor, RN_INT64, &count, sizeof count);
    if (status == RN_OK)
        status = rn_tensor_write(parameters->entry[index].value, RN_INT64, &count, sizeof count);
    if (status == RN_OK)
        rn_parameters_written(parameters, index);
    return status;
}

static rn_status copy_values(rn_model *model, const source *from, bool skip_head)
{
    rn_parameters *const parameters = model->graph->parameters;
    rn_status status = RN_OK;

    for (size_t i = 0; status == RN_OK && i < parameters->count; i++) {
        const rn_tensor *const tensor = find_tensor(from, parameters->entry[i].name);

        if (tensor != NULL && is_wanted(model, &parameters->entry[i], skip_head))
            status = copy_value(parameters, i, tensor);
    }
    return status;
}

rn_status rn_model_take(rn_model *model, const rn_checkpoint *file, const rn_load_options *options, const char *path,
                        bool check_only)
{
    rn_message *const message = &model->context->message;
    fit found = { 0 };
    rn_load_options o;
    source from;
    rn_status status;
    bool skip_head;

    if ((status = rn_options_read(&o, sizeof o, options, message)) != RN_OK)
        return status;
    if (o.head < RN_HEAD_MUST_FIT || o.head > RN_HEAD_SKIP)
        return rn_fail(message, RN_INVALID_ARGUMENT, "there is no head policy %d", (int)o.head);
    if ((status = rn_parameters_may_write(model->graph->parameters)) != RN_OK)
        return status;
    from = find_source(model, file);
    skip_head = skips_head(model, &from, o.head);
    compare_parameters(&found, model, &from, &o, skip_head);
    if (!o.allow_surplus)
        compare_tensors(&found, model, &from, skip_head);
    status = report(model, &found, path);
    return status != RN_OK || check_only ? status : copy_values(model, &from, skip_head);
}

rn_status rn_model_load_checkpoint(rn_model *model, const rn_checkpoint *checkpoint, const rn_load_options *options)
{
    if (model == NULL)
        return RN_INVALID_ARGUMENT;
    if (checkpoint == NULL)
        return rn_fail(&model->context->message, RN_INVALID_ARGUMENT, "rn_model_load_checkpoint: checkpoint is NULL");
    return rn_model_take(model, checkpoint, options, "the checkpoint", false);
}

rn_status rn_model_load(rn_model *model, const char *path, const rn_load_options *options)
{
    rn_checkpoint *file = NULL;
    rn_status status;

    if (model == NULL)
        return RN_INVALID_ARGUMENT;
    if (path == NULL)
        return rn_fail(&model->context->message, RN_INVALID_ARGUMENT, "rn_model_load: path is NULL");
    status = rn_checkpoint_open(&file, model->context, path);
    if (status == RN_OK)
        status = rn_model_take(model, file, options, path, false);
    rn_checkpoint_destroy(file);
    return status;
}
