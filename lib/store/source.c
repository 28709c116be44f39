/* SPDX-License-Identifier: MIT */
/* What a network finds in a file, once it is known where. */
#include "store/source.h"

#include "store/keys.h"

#include <stdio.h>
#include <string.h>

rn_status rn_source_create(rn_load_source *source, const rn_model *model, const rn_file_names *names)
{
    const size_t count = model->graph->parameters->count;

    *source = (rn_load_source){ .model = model, .names = names, .prefix = "" };
    source->alias = rn_allocate_array(names->allocator, count + 1, sizeof *source->alias);
    return source->alias != NULL
               ? RN_OK
               : rn_fail(&model->context->message, RN_NO_MEMORY, "no memory to look for a state dict");
}

void rn_source_release(rn_load_source *source)
{
    rn_release(source->names->allocator, source->alias);
}

/* ---- one tensor and one parameter ------------------------------------------------------------------------------ */

static bool is_float(rn_dtype dtype)
{
    return dtype == RN_FLOAT32 || dtype == RN_FLOAT64 || dtype == RN_FLOAT16 || dtype == RN_BFLOAT16;
}

bool rn_is_counter(const rn_parameter *entry)
{
    return rn_tensor_dtype(entry->value) != RN_FLOAT32;
}

bool rn_value_fits(const rn_parameter *entry, const rn_tensor *tensor)
{
    /* A counter of batches is a scalar; very old files have it as an array of one. */
    if (rn_tensor_rank(entry->value) == 0)
        return rn_tensor_count(tensor) == 1;
    return rn_tensor_same_shape(entry->value, tensor) && is_float(rn_tensor_dtype(tensor));
}

bool rn_source_find(size_t *tensor, const rn_load_source *source, const char *name)
{
    char theirs[RN_NAME_SIZE];

    for (size_t i = 0; i < source->alias_count; i++) {
        const rn_alias *const alias = &source->alias[i];

        if (!rn_name_begins(name, alias->ours, alias->ours_length))
            continue;
        if (snprintf(theirs, sizeof theirs, "%.*s%s", (int)alias->theirs_length, alias->theirs,
                     name + alias->ours_length) >= (int)sizeof theirs)
            return false;
        return rn_file_names_find(tensor, source->names, source->prefix, theirs);
    }
    return rn_file_names_find(tensor, source->names, source->prefix, name);
}

const rn_tensor *rn_source_tensor(const rn_load_source *source, const char *name)
{
    size_t tensor;

    return rn_source_find(&tensor, source, name) ? rn_checkpoint_tensor(source->names->file, tensor) : NULL;
}

const char *rn_source_name(const rn_load_source *source, size_t tensor)
{
    const char *const name = rn_file_name(source->names, tensor);

    return name != NULL && strncmp(name, source->prefix, source->length) == 0 ? name + source->length : NULL;
}

bool rn_source_is_foreign(const rn_load_source *source, const char *name)
{
    const rn_parameters *const parameters = source->model->graph->parameters;
    const size_t length = strcspn(name, ".");

    for (size_t i = 0; i < parameters->count; i++) {
        if (rn_name_begins(parameters->entry[i].name, name, length))
            return false;
    }
    return true;
}

/* How many parameters of the head are in the file under the name that they should have. */
static size_t count_head(const rn_load_source *source)
{
    const rn_parameters *const parameters = source->model->graph->parameters;
    size_t count = 0, tensor;

    for (size_t i = 0; i < parameters->count; i++) {
        const char *const name = parameters->entry[i].name;

        count += rn_model_in_head(source->model, name) && rn_source_find(&tensor, source, name);
    }
    return count;
}

bool rn_source_has_head(const rn_load_source *source)
{
    if (count_head(source) > 0)
        return true;
    for (size_t i = 0; i < rn_checkpoint_count(source->names->file); i++) {
        const char *const name = rn_source_name(source, i);

        if (name != NULL && rn_model_in_head(source->model, name))
            return true;
    }
    return false;
}

bool rn_source_skips_head(const rn_load_source *source, int32_t policy)
{
    const rn_parameters *const parameters = source->model->graph->parameters;

    if (policy != RN_HEAD_SKIP_IF_SIZE_DIFFERS)
        return policy == RN_HEAD_SKIP;
    for (size_t i = 0; i < parameters->count; i++) {
        const rn_parameter *const entry = &parameters->entry[i];
        const rn_tensor *const tensor =
            rn_model_in_head(source->model, entry->name) ? rn_source_tensor(source, entry->name) : NULL;

        if (tensor != NULL && !rn_value_fits(entry, tensor))
            return true;
    }
    return count_head(source) == 0 && rn_source_has_head(source);
}

bool rn_source_part_fits(const rn_load_source *source, rn_network_part part)
{
    const rn_parameters *const parameters = source->model->graph->parameters;

    for (size_t i = 0; i < parameters->count; i++) {
        const rn_parameter *const entry = &parameters->entry[i];
        const rn_tensor *tensor;

        if (rn_is_counter(entry) || rn_model_in_head(source->model, entry->name) != (part == RN_HEAD))
            continue; /* counters may be missing */
        tensor = rn_source_tensor(source, entry->name);
        if (tensor == NULL || !rn_value_fits(entry, tensor))
            return false;
    }
    return true;
}

static bool begins(const char *name, const char *prefix)
{
    return strncmp(name, prefix, strlen(prefix)) == 0;
}

bool rn_source_is_state(const rn_load_source *source, size_t tensor)
{
    const rn_checkpoint *const file = source->names->file;
    const char *const name = rn_checkpoint_name(file, tensor), *const kind = rn_checkpoint_metadata(file, RN_KEY_KIND);
    const bool training = kind != NULL && strcmp(kind, RN_KIND_TRAINING) == 0;

    if (training || rn_checkpoint_metadata(file, RN_KEY_OPTIMIZER) != NULL)
        if (begins(name, RN_OPTIMIZER_PREFIX))
            return true;
    return rn_checkpoint_metadata(file, RN_KEY_EMA) != NULL && begins(name, RN_EMA_PREFIX);
}

void rn_source_log(const rn_load_source *source, rn_context *context, const char *path)
{
    char text[512];
    size_t length = 0;

    if (source->length > 0)
        rn_context_log(context, RN_LOG_INFO, "%s: the state dict at '%.*s' is taken", path, (int)source->length - 1,
                       source->prefix);
    for (size_t i = 0; i < source->alias_count && length < sizeof text - 1; i++) {
        const rn_alias *const alias = &source->alias[i];
        const int written = snprintf(text + length, sizeof text - length, "%s'%.*s' as '%.*s'", i > 0 ? ", " : "",
                                     (int)alias->theirs_length, alias->theirs, (int)alias->ours_length, alias->ours);

        length += written > 0 ? (size_t)written : 0;
    }
    if (length > 0)
        rn_context_log(
            context, source->positional ? RN_LOG_WARNING : RN_LOG_INFO, "%s: %s%s", path,
            source->positional ? "its names have numbers for words; taken by their order: " : "taken: ", text);
}
