/* SPDX-License-Identifier: MIT */
/*
 * Changing values while others run the model. The gate keeps a forward and a change apart; this file sees to it that
 * what happens between the two sides of the gate is short and cannot fail half way.
 */
#include "params/values.h"

#include <string.h>

void rn_arena_release(rn_storage *storage)
{
    rn_release(&storage->context->allocator, storage->memory);
}

rn_status rn_arena_allocate(float **memory, rn_context *context, size_t floats)
{
    *memory = rn_allocate_zeroed(&context->allocator, floats, sizeof **memory);
    return *memory != NULL
               ? RN_OK
               : rn_fail(&context->message, RN_NO_MEMORY, "no memory for %zu numbers of parameters", floats);
}

float *rn_parameters_floats(const rn_parameters *parameters, size_t index)
{
    const rn_parameter *const entry =
        parameters != NULL && index < parameters->count ? &parameters->entry[index] : NULL;

    return entry != NULL && entry->offset >= 0 ? (float *)parameters->values->memory + entry->offset : NULL;
}

/* ---- the gate ---------------------------------------------------------------------------------------------------- */

/* A reader changes nothing but the gate. */
static rn_gate *gate_of(const rn_parameters *parameters)
{
    return &((rn_parameters *)(uintptr_t)parameters)->gate;
}

void rn_parameters_begin_read(const rn_parameters *parameters)
{
    rn_gate_enter_shared(gate_of(parameters));
}

void rn_parameters_end_read(const rn_parameters *parameters)
{
    rn_gate_leave_shared(gate_of(parameters));
}

rn_status rn_parameters_begin_change(rn_parameters *parameters, rn_message *message)
{
    rn_gate_enter_exclusive(&parameters->gate);
    if (atomic_load(&parameters->pins) == 0)
        return RN_OK;
    rn_gate_leave_exclusive(&parameters->gate);
    return rn_fail(message, RN_STATE,
                   "a training session is between forward and backward: the parameters cannot change now");
}

void rn_parameters_end_change(rn_parameters *parameters)
{
    rn_gate_leave_exclusive(&parameters->gate);
}

/* ---- arenas ------------------------------------------------------------------------------------------------------ */

static bool is_float(const rn_parameter *entry)
{
    return entry->offset >= 0;
}

static size_t arena_floats(const rn_parameters *parameters)
{
    size_t floats = 0;

    for (size_t i = 0; i < parameters->count; i++)
        floats += is_float(&parameters->entry[i]) ? (size_t)parameters->entry[i].count : 0;
    return floats;
}

/* A second arena of the store's size; what is in it is the caller's to fill. */
static rn_status make_arena(rn_storage **arena, const rn_parameters *parameters, rn_message *message)
{
    rn_context *const context = parameters->context;
    size_t nbytes;
    float *memory = NULL;

    *arena = NULL;
    if (rn_size_multiply(&nbytes, arena_floats(parameters), sizeof *memory))
        memory = rn_allocate(&context->allocator, nbytes);
    if (memory == NULL || rn_storage_create(arena, context, memory, rn_arena_release, NULL) != RN_OK) {
        rn_release(&context->allocator, memory);
        return rn_fail(message, RN_NO_MEMORY, "no memory for a second set of %zu numbers of parameters",
                       arena_floats(parameters));
    }
    return RN_OK;
}

/* Makes `arena` (taken over) the store's. Inside the exclusive side. */
static void take_arena(rn_parameters *parameters, rn_storage *arena)
{
    for (size_t i = 0; i < parameters->count; i++) {
        rn_parameter *const entry = &parameters->entry[i];

        if (!is_float(entry))
            continue;
        rn_storage_retain(arena);
        rn_storage_release(entry->value->storage);
        entry->value->storage = arena;
        entry->value->data = (char *)((float *)arena->memory + entry->offset);
    }
    rn_storage_release(parameters->values);
    parameters->values = arena;
}

/* True if a state dict holds the arena, too: the store itself has one reference and one for each window. */
static bool is_shared(const rn_parameters *parameters)
{
    int own = 1;

    for (size_t i = 0; i < parameters->count; i++)
        own += is_float(&parameters->entry[i]);
    return atomic_load(&parameters->values->references.count) > own;
}

rn_status rn_parameters_own_values(rn_parameters *parameters, rn_message *message)
{
    rn_storage *arena = NULL;
    const rn_status status = is_shared(parameters) ? make_arena(&arena, parameters, message) : RN_OK;

    if (arena == NULL)
        return status;
    memcpy(arena->memory, parameters->values->memory, arena_floats(parameters) * sizeof(float));
    take_arena(parameters, arena);
    return RN_OK;
}

rn_status rn_parameters_begin_write(rn_parameters *parameters, rn_message *message)
{
    rn_status status = rn_parameters_begin_change(parameters, message);

    if (status != RN_OK)
        return status;
    status = rn_parameters_own_values(parameters, message);
    if (status != RN_OK)
        rn_parameters_end_change(parameters);
    return status;
}

/* ---- values ------------------------------------------------------------------------------------------------------ */

void rn_parameters_written(rn_parameters *parameters, size_t index)
{
    if (index < parameters->count)
        parameters->entry[index].version = ++parameters->version;
}

void rn_parameters_lay_out(const rn_parameters *parameters, size_t index, void *memory, const rn_tensor *tensor)
{
    const rn_tensor *const value = parameters->entry[index].value;

    rn_copy_elements(memory, value->dtype, value->strides, tensor->data, tensor->dtype, tensor->strides, value->rank,
                     value->shape);
}

/* A counter takes any tensor of one element: very old files have it as an array. */
static void set_value(rn_parameter *entry, float *arena, const rn_tensor *value)
{
    int64_t strides[RN_MAX_RANK];

    if (is_float(entry)) {
        rn_copy_elements(arena + entry->offset, RN_FLOAT32, entry->value->strides, value->data, value->dtype,
                         value->strides, value->rank, value->shape);
        return;
    }
    rn_order_strides(strides, value->rank, value->shape, RN_ROW_MAJOR);
    rn_copy_elements(entry->value->data, RN_INT64, strides, value->data, value->dtype, value->strides, value->rank,
                     value->shape);
}

static bool has_value(const rn_parameter *entry, const rn_tensor *value, bool of_floats)
{
    return value != NULL && is_float(entry) == of_floats;
}

typedef struct conversion {
    rn_parameters *parameters;
    const rn_tensor *const *values;
    float *target;
} conversion;

/* Units are entries: a file is read by all threads at once. */
static void convert_values(void *payload, int64_t begin, int64_t end, int32_t thread)
{
    const conversion *const job = payload;

    (void)thread;
    for (int64_t i = begin; i < end; i++) {
        if (has_value(&job->parameters->entry[i], job->values[i], true))
            set_value(&job->parameters->entry[i], job->target, job->values[i]);
    }
}

static void set_values(rn_parameters *parameters, const rn_tensor *const *values, float *target)
{
    conversion job = { parameters, values, target };

    rn_parallel(&parameters->context->pool, (int64_t)parameters->count, convert_values, &job);
}

/* The second half of a replacement, inside the exclusive side: nothing in it can fail. */
static void finish_replacement(rn_parameters *parameters, const rn_tensor *const *values, rn_storage *arena)
{
    float *const target = arena != NULL ? arena->memory : parameters->values->memory;

    if (arena == NULL)
        set_values(parameters, values, target);
    for (size_t i = 0; i < parameters->count; i++) {
        rn_parameter *const entry = &parameters->entry[i];

        if (has_value(entry, values[i], false))
            set_value(entry, target, values[i]);
        else if (arena != NULL && is_float(entry) && values[i] == NULL)
            memcpy(target + entry->offset, rn_parameters_floats(parameters, i), (size_t)entry->count * sizeof(float));
        if (values[i] != NULL)
            rn_parameters_written(parameters, i);
    }
    if (arena != NULL)
        take_arena(parameters, arena);
}

rn_status rn_parameters_replace(rn_parameters *parameters, const rn_tensor *const *values, rn_message *message)
{
    const bool beside_sessions = atomic_load(&parameters->sessions) > 0;
    rn_storage *arena = NULL;
    rn_status status = RN_OK;

    /* Converting from a file takes as long as its disk does: not while sessions wait. */
    if (beside_sessions)
        status = make_arena(&arena, parameters, message);
    if (arena != NULL)
        set_values(parameters, values, arena->memory);
    if (status == RN_OK)
        status = beside_sessions ? rn_parameters_begin_change(parameters, message)
                                 : rn_parameters_begin_write(parameters, message);
    if (status != RN_OK) {
        rn_storage_release(arena);
        return status;
    }
    finish_replacement(parameters, values, arena);
    rn_parameters_end_change(parameters);
    return RN_OK;
}

/* A tensor of this entry's shape, or the reason why it is none. */
static rn_status check_value(const rn_parameters *parameters, size_t index, const rn_tensor *value, const char *call,
                             rn_message *message)
{
    char have[128], want[128];
    const rn_parameter *entry;

    if (index >= parameters->count || value == NULL)
        return rn_fail(message, RN_INVALID_ARGUMENT, "%s: %s", call, value == NULL ? "value is NULL" : "no such index");
    entry = &parameters->entry[index];
    if (!rn_tensor_same_shape(entry->value, value))
        return rn_fail(message, RN_SHAPE, "%s: has shape %s, the other %s", entry->name,
                       rn_shape_text(want, sizeof want, entry->value->rank, entry->value->shape),
                       rn_shape_text(have, sizeof have, value->rank, value->shape));
    return RN_OK;
}

rn_status rn_parameters_write(rn_parameters *parameters, size_t index, const rn_tensor *value)
{
    rn_status status;

    if (parameters == NULL)
        return rn_fail_null("rn_parameters_write", "parameters");
    status = check_value(parameters, index, value, "rn_parameters_write", &parameters->context->message);
    if (status == RN_OK)
        status = rn_parameters_begin_write(parameters, &parameters->context->message);
    if (status != RN_OK)
        return status;
    set_value(&parameters->entry[index], parameters->values->memory, value);
    rn_parameters_written(parameters, index);
    rn_parameters_end_change(parameters);
    return RN_OK;
}

rn_status rn_parameters_read(const rn_parameters *parameters, size_t index, rn_tensor *target)
{
    rn_status status;

    if (parameters == NULL || target == NULL)
        return rn_fail_null("rn_parameters_read", parameters == NULL ? "parameters" : "target");
    status = check_value(parameters, index, target, "rn_parameters_read", &target->context->message);
    if (status != RN_OK)
        return status;
    rn_parameters_begin_read(parameters);
    status = rn_tensor_copy(target, parameters->entry[index].value);
    rn_parameters_end_read(parameters);
    return status;
}
