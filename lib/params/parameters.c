/* SPDX-License-Identifier: MIT */
/*
 * The parameter store. Entries are declared in the order of the network; finishing lays the float values out one
 * after the other in one arena and makes each entry's tensor a window into it. Gradients have an arena of their own
 * that holds exactly what is trainable: with a frozen backbone it is as small as the head.
 */
#include "params/values.h"

#include <string.h>

enum { NAME_SIZE = 1024 };

static const rn_parameter *entry_at(const rn_parameters *parameters, size_t index)
{
    return parameters != NULL && index < parameters->count ? &parameters->entry[index] : NULL;
}

/* Declaring ---------------------------------------------------------------------------------------------------- */

rn_status rn_parameters_create(rn_parameters **parameters, rn_context *context)
{
    rn_parameters *const made = rn_allocate_zeroed(&context->allocator, 1, sizeof *made);

    *parameters = NULL;
    if (made == NULL)
        return rn_fail(&context->message, RN_NO_MEMORY, "no memory for the parameters");
    rn_references_init(&made->references);
    atomic_init(&made->pins, 0);
    atomic_init(&made->sessions, 0);
    rn_context_retain(context);
    made->context = context;
    made->gate_exists = rn_gate_init(&made->gate);
    made->prepared_gate_exists = rn_gate_init(&made->prepared_gate);
    /* The arena has no memory yet, but the tensors over it can be made. */
    if (!made->gate_exists || !made->prepared_gate_exists ||
        rn_storage_create(&made->values, context, NULL, rn_arena_release, NULL) != RN_OK) {
        rn_parameters_release(made);
        return rn_fail(&context->message, RN_NO_MEMORY, "no memory for the parameters");
    }
    *parameters = made;
    return RN_OK;
}

static rn_status reserve_entry(rn_parameters *parameters)
{
    rn_context *const context = parameters->context;
    const size_t wanted = parameters->capacity > 0 ? 2 * parameters->capacity : 64;
    rn_parameter *grown;

    if (parameters->count < parameters->capacity)
        return RN_OK;
    grown = rn_grow_array(&context->allocator, parameters->entry, parameters->count, wanted, sizeof *grown);
    if (grown == NULL)
        return rn_fail(&context->message, RN_NO_MEMORY, "no memory for the table of parameters");
    parameters->entry = grown;
    parameters->capacity = wanted;
    return RN_OK;
}

/* Whether such an entry may be declared, and how many elements it has. */
static rn_status check_declaration(int64_t *count, const rn_parameters *parameters, const char *name, bool is_parameter,
                                   rn_dtype dtype, int32_t rank, const int64_t *shape)
{
    rn_message *const message = &parameters->context->message;
    size_t nbytes;

    if (parameters->values->memory != NULL)
        return rn_fail(message, RN_STATE, "%s: declared after the parameters were finished", name);
    if (name[0] == '\0' || strlen(name) >= NAME_SIZE)
        return rn_fail(message, RN_INVALID_ARGUMENT, "the name of a parameter has 1 to %d bytes", NAME_SIZE - 1);
    if (dtype != RN_FLOAT32 && (dtype != RN_INT64 || is_parameter))
        return rn_fail(message, RN_INVALID_ARGUMENT, "%s: cannot be of type %s", name, rn_dtype_name(dtype));
    if (rank < 0 || rank > RN_MAX_RANK)
        return rn_fail(message, RN_INVALID_ARGUMENT, "%s: cannot have %d dimensions", name, (int)rank);
    for (int32_t i = 0; i < rank; i++) {
        if (shape[i] < 0)
            return rn_fail(message, RN_INVALID_ARGUMENT, "%s: size %lld of dimension %d is negative", name,
                           (long long)shape[i], (int)i);
    }
    if (!rn_shape_bytes(&nbytes, count, rank, shape, rn_dtype_size(dtype)))
        return rn_fail(message, RN_NO_MEMORY, "%s: such a shape does not fit into memory", name);
    for (size_t i = 0; i < parameters->count; i++) {
        if (strcmp(parameters->entry[i].name, name) == 0)
            return rn_fail(message, RN_INVALID_ARGUMENT, "%s: the name is taken", name);
    }
    return RN_OK;
}

rn_status rn_parameters_declare(size_t *index, rn_parameters *parameters, const char *name, bool is_parameter,
                                rn_dtype dtype, int32_t rank, const int64_t *shape)
{
    rn_context *const context = parameters->context;
    rn_parameter entry = { .is_parameter = is_parameter, .trainable = is_parameter, .offset = -1 };
    rn_status status = check_declaration(&entry.count, parameters, name, is_parameter, dtype, rank, shape);

    if (status != RN_OK)
        return status;
    status = reserve_entry(parameters);
    if (status != RN_OK)
        return status;
    entry.name = rn_copy_string(&context->allocator, name);
    if (entry.name == NULL)
        return rn_fail(&context->message, RN_NO_MEMORY, "%s: no memory for its name", name);
    if (dtype == RN_FLOAT32)
        status = rn_tensor_over(&entry.value, parameters->values, NULL, dtype, rank, shape, NULL,
                                rank == 4 ? RN_CHANNELS_LAST : RN_ROW_MAJOR);
    else
        status = rn_tensor_create(&entry.value, context, dtype, rank, shape, RN_ROW_MAJOR);
    if (status != RN_OK) {
        rn_release(&context->allocator, entry.name);
        return status;
    }
    *index = parameters->count;
    parameters->entry[parameters->count++] = entry;
    return RN_OK;
}

rn_status rn_parameters_finish(rn_parameters *parameters)
{
    rn_context *const context = parameters->context;
    float *memory;
    size_t floats = 0;
    rn_status status;

    if (parameters->values->memory != NULL)
        return rn_fail(&context->message, RN_STATE, "the parameters are finished already");
    for (size_t i = 0; i < parameters->count; i++) {
        rn_parameter *const entry = &parameters->entry[i];

        if (entry->value->dtype != RN_FLOAT32)
            continue;
        if (!rn_size_add(&floats, floats, (size_t)entry->count))
            return rn_fail(&context->message, RN_NO_MEMORY, "the parameters do not fit into memory");
    }
    status = rn_arena_allocate(&memory, context, floats);
    if (status != RN_OK)
        return status;
    parameters->values->memory = memory;
    floats = 0;
    for (size_t i = 0; i < parameters->count; i++) {
        rn_parameter *const entry = &parameters->entry[i];

        if (entry->value->dtype != RN_FLOAT32)
            continue;
        entry->offset = (int64_t)floats;
        entry->value->data = (char *)(memory + floats);
        floats += (size_t)entry->count;
    }
    return RN_OK;
}

static void drop_gradients(rn_parameters *parameters)
{
    for (size_t i = 0; i < parameters->count; i++) {
        rn_tensor_destroy(parameters->entry[i].gradient);
        parameters->entry[i].gradient = NULL;
        parameters->entry[i].has_gradient = false;
    }
    rn_storage_release(parameters->gradients);
    parameters->gradients = NULL;
}

void rn_parameters_retain(rn_parameters *parameters)
{
    rn_retain(&parameters->references);
}

void rn_parameters_release(rn_parameters *parameters)
{
    rn_context *context;

    if (parameters == NULL || !rn_let_go(&parameters->references))
        return;
    context = parameters->context;
    drop_gradients(parameters);
    for (size_t i = 0; i < parameters->count; i++) {
        rn_tensor_destroy(parameters->entry[i].value);
        rn_release(&context->allocator, parameters->entry[i].name);
    }
    rn_storage_release(parameters->values);
    if (parameters->gate_exists)
        rn_gate_destroy(&parameters->gate);
    if (parameters->prepared_gate_exists)
        rn_gate_destroy(&parameters->prepared_gate);
    rn_release(&context->allocator, parameters->entry);
    rn_release(&context->allocator, parameters);
    rn_context_release(context);
}

/* Gradients ---------------------------------------------------------------------------------------------------- */

static bool wants_gradient(const rn_parameter *entry)
{
    return entry->is_parameter && entry->trainable;
}

/* The windows into a fresh gradient arena; what is left half made is dropped by the caller. */
static rn_status make_gradients(rn_parameters *parameters, size_t floats)
{
    rn_context *const context = parameters->context;
    float *memory;
    size_t offset = 0;
    rn_status status = rn_arena_allocate(&memory, context, floats);

    if (status != RN_OK)
        return status;
    status = rn_storage_create(&parameters->gradients, context, memory, rn_arena_release, NULL);
    if (status != RN_OK) {
        rn_release(&context->allocator, memory);
        return status;
    }
    for (size_t i = 0; i < parameters->count && status == RN_OK; i++) {
        rn_parameter *const entry = &parameters->entry[i];
        const rn_tensor *const value = entry->value;

        if (!wants_gradient(entry))
            continue;
        status = rn_tensor_over(&entry->gradient, parameters->gradients, memory + offset, RN_FLOAT32, value->rank,
                                value->shape, value->strides, RN_ROW_MAJOR);
        offset += (size_t)entry->count;
    }
    return status;
}

rn_status rn_parameters_gradients_ready(rn_parameters *parameters)
{
    bool same = true;
    size_t floats = 0;
    rn_status status;

    for (size_t i = 0; i < parameters->count; i++) {
        const rn_parameter *const entry = &parameters->entry[i];

        same = same && wants_gradient(entry) == (entry->gradient != NULL);
        floats += wants_gradient(entry) ? (size_t)entry->count : 0; /* no more than all of them, which fit */
    }
    if (same)
        return RN_OK;
    drop_gradients(parameters);
    status = make_gradients(parameters, floats);
    if (status != RN_OK)
        drop_gradients(parameters);
    return status;
}

void rn_parameters_release_gradients(rn_parameters *parameters)
{
    for (size_t i = 0; i < parameters->count; i++)
        if (parameters->entry[i].has_gradient)
            return;
    drop_gradients(parameters);
}

float *rn_parameters_gradient_floats(const rn_parameters *parameters, size_t index)
{
    const rn_parameter *const entry = entry_at(parameters, index);

    return entry != NULL && entry->gradient != NULL ? (float *)(void *)entry->gradient->data : NULL;
}

void rn_parameters_scale_gradients(rn_parameters *parameters, float factor)
{
    for (size_t i = 0; i < parameters->count; i++) {
        const rn_parameter *const entry = &parameters->entry[i];
        float *const gradient = entry->has_gradient ? rn_parameters_gradient_floats(parameters, i) : NULL;

        for (int64_t k = 0; gradient != NULL && k < entry->count; k++)
            gradient[k] *= factor;
    }
}

const rn_tensor *rn_parameters_gradient(const rn_parameters *parameters, size_t index)
{
    const rn_parameter *const entry = entry_at(parameters, index);

    return entry != NULL && entry->has_gradient ? entry->gradient : NULL;
}

rn_tensor *rn_parameters_mutable_gradient(rn_parameters *parameters, size_t index)
{
    return rn_parameters_has_gradient(parameters, index) ? parameters->entry[index].gradient : NULL;
}

void rn_parameters_clear_gradients(rn_parameters *parameters)
{
    for (size_t i = 0; parameters != NULL && i < parameters->count; i++)
        parameters->entry[i].has_gradient = false;
}

/* Looking ------------------------------------------------------------------------------------------------------ */

size_t rn_parameters_count(const rn_parameters *parameters)
{
    return parameters != NULL ? parameters->count : 0;
}

const char *rn_parameters_name(const rn_parameters *parameters, size_t index)
{
    const rn_parameter *const entry = entry_at(parameters, index);

    return entry != NULL ? entry->name : NULL;
}

rn_status rn_parameters_find(size_t *index, const rn_parameters *parameters, const char *name)
{
    if (parameters == NULL)
        return rn_fail_null("rn_parameters_find", "parameters");
    if (index == NULL || name == NULL)
        return rn_fail(&parameters->context->message, RN_INVALID_ARGUMENT, "rn_parameters_find: %s is NULL",
                       name == NULL ? "name" : "index");
    for (size_t i = 0; i < parameters->count; i++) {
        if (strcmp(parameters->entry[i].name, name) == 0) {
            *index = i;
            return RN_OK;
        }
    }
    return rn_fail(&parameters->context->message, RN_INVALID_ARGUMENT, "%s: no parameter or buffer of this name", name);
}

int rn_parameters_is_parameter(const rn_parameters *parameters, size_t index)
{
    const rn_parameter *const entry = entry_at(parameters, index);

    return entry != NULL && entry->is_parameter;
}

int rn_parameters_is_trainable(const rn_parameters *parameters, size_t index)
{
    const rn_parameter *const entry = entry_at(parameters, index);

    return entry != NULL && wants_gradient(entry);
}

int rn_parameters_has_gradient(const rn_parameters *parameters, size_t index)
{
    const rn_parameter *const entry = entry_at(parameters, index);

    return entry != NULL && entry->has_gradient;
}

int64_t rn_parameters_elements(const rn_parameters *parameters, int trainable_only)
{
    int64_t elements = 0;

    for (size_t i = 0; parameters != NULL && i < parameters->count; i++) {
        const rn_parameter *const entry = &parameters->entry[i];

        if (trainable_only ? wants_gradient(entry) : entry->is_parameter)
            elements += entry->count;
    }
    return elements;
}

const rn_tensor *rn_parameters_value(const rn_parameters *parameters, size_t index)
{
    const rn_parameter *const entry = entry_at(parameters, index);

    return entry != NULL ? entry->value : NULL;
}
