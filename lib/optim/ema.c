/* SPDX-License-Identifier: MIT */
/*
 * The exponential moving average of weights.
 * https://pytorch.org/docs/stable/generated/torch.optim.swa_utils.AveragedModel.html
 *
 * A step is torch.lerp in float32: a + w (b - a), or from w = 1/2 on b - (1 - w)(b - a), so that what is equal stays
 * so to the bit. PyTorch fuses the product and the sum where the CPU does; here both round.
 */
#include "optim/ema.h"

#include "base/options.h"
#include <string.h>

RN_NO_TAIL_PADDING(rn_ema_options, average_buffers);

size_t rn_ema_bytes(const rn_ema *ema, size_t index)
{
    const rn_parameter *const entry = &ema->parameters->entry[index];

    return (size_t)entry->count * rn_dtype_size(entry->value->dtype);
}

static rn_status fail_memory(const rn_ema *ema)
{
    return rn_fail(&ema->parameters->context->message, RN_NO_MEMORY, "no memory for an average of the weights");
}

static void *average_of(const rn_ema *ema, size_t index)
{
    return ema->average[index]->memory;
}

rn_status rn_ema_own(rn_ema *ema)
{
    for (size_t i = 0; i < ema->parameters->count; i++) {
        rn_storage *const held = ema->average[i];
        const size_t nbytes = rn_ema_bytes(ema, i);
        rn_storage *own;

        if (!rn_storage_is_shared(held))
            continue;
        if (rn_storage_allocate(&own, ema->parameters->context, nbytes) != RN_OK)
            return fail_memory(ema);
        memcpy(own->memory, held->memory, nbytes);
        rn_storage_release(held);
        ema->average[i] = own;
    }
    return RN_OK;
}

rn_status rn_ema_tensor(rn_tensor **tensor, const rn_ema *ema, size_t index)
{
    const rn_tensor *const value = ema->parameters->entry[index].value;

    return rn_tensor_over(tensor, ema->average[index], average_of(ema, index), value->dtype, value->rank, value->shape,
                          value->strides, RN_ROW_MAJOR);
}

/* ---- life -------------------------------------------------------------------------------------------------------- */

static rn_status copy_values(rn_ema *ema)
{
    rn_parameters *const parameters = ema->parameters;

    ema->average = rn_allocate_zeroed(&parameters->context->allocator, parameters->count, sizeof *ema->average);
    if (ema->average == NULL)
        return fail_memory(ema);
    for (size_t i = 0; i < parameters->count; i++) {
        if (rn_storage_allocate(&ema->average[i], parameters->context, rn_ema_bytes(ema, i)) != RN_OK)
            return fail_memory(ema);
        memcpy(average_of(ema, i), parameters->entry[i].value->data, rn_ema_bytes(ema, i));
    }
    return RN_OK;
}

rn_status rn_ema_create(rn_ema **ema, rn_parameters *parameters, const rn_ema_options *options)
{
    rn_ema_options o;
    rn_ema *made;
    rn_message *message;
    rn_status status;

    if (ema == NULL)
        return rn_fail_null("rn_ema_create", "ema");
    *ema = NULL;
    if (parameters == NULL)
        return rn_fail_null("rn_ema_create", "parameters");
    message = &parameters->context->message;
    status = rn_options_read(&o, sizeof o, options, message);
    if (status != RN_OK)
        return status;
    o.decay = rn_option_number(o.decay, 0.999);
    if (!(o.decay >= 0 && o.decay <= 1) || o.every < 0)
        return rn_fail(message, RN_INVALID_ARGUMENT, "an average of the decay %g, every %d steps, makes no sense",
                       o.decay, (int)o.every);
    made = rn_allocate_zeroed(&parameters->context->allocator, 1, sizeof *made);
    if (made == NULL)
        return rn_fail(message, RN_NO_MEMORY, "no memory for an average of the weights");
    rn_parameters_retain(parameters);
    *made = (rn_ema){ .parameters = parameters,
                      .decay = o.decay,
                      .every = o.every > 0 ? (uint64_t)o.every : 1,
                      .average_buffers = o.average_buffers != 0 };
    status = copy_values(made);
    if (status == RN_OK)
        *ema = made;
    else
        rn_ema_destroy(made);
    return status;
}

void rn_ema_destroy(rn_ema *ema)
{
    rn_parameters *parameters;

    if (ema == NULL)
        return;
    parameters = ema->parameters;
    for (size_t i = 0; ema->average != NULL && i < parameters->count; i++)
        rn_storage_release(ema->average[i]);
    rn_release(&parameters->context->allocator, ema->average);
    rn_release(&parameters->context->allocator, ema);
    rn_parameters_release(parameters);
}

/* ---- an update --------------------------------------------------------------------------------------------------- */

enum { UNIT = 4096 }; /* numbers: what does not pay for waking a thread stays on the caller's */

typedef struct blend {
    float *average;
    const float *value;
    int64_t count;
    float weight; /* of the value */
} blend;

static void blend_units(void *payload, int64_t begin, int64_t end, int32_t thread)
{
    const blend *const job = payload;
    const int64_t last = end * UNIT < job->count ? end * UNIT : job->count;
    const float w = job->weight, *const value = job->value;
    float *const average = job->average;

    (void)thread;
    if (w < 0.5F)
        for (int64_t i = begin * UNIT; i < last; i++)
            average[i] += w * (value[i] - average[i]);
    else
        for (int64_t i = begin * UNIT; i < last; i++)
            average[i] = value[i] - (1 - w) * (value[i] - average[i]);
}

/* Counters: a product in float32, cut off, as Tensor.copy_ does. */
static void blend_whole(int64_t *average, const int64_t *value, int64_t count, float weight, float kept)
{
    for (int64_t i = 0; i < count; i++)
        average[i] = (int64_t)((float)average[i] * kept + (float)value[i] * weight);
}

static void take_in(rn_ema *ema, size_t index)
{
    const rn_parameter *const entry = &ema->parameters->entry[index];
    const void *const value = entry->value->data;
    void *const average = average_of(ema, index);
    blend job = { average, value, entry->count, (float)(1 - ema->decay) };

    if (ema->calls == 0 || (!entry->is_parameter && !ema->average_buffers))
        memcpy(average, value, rn_ema_bytes(ema, index));
    else if (entry->value->dtype == RN_FLOAT32)
        rn_parallel(&ema->parameters->context->pool, (entry->count + UNIT - 1) / UNIT, blend_units, &job);
    else
        blend_whole(average, value, entry->count, job.weight, (float)ema->decay);
}

rn_status rn_ema_update(rn_ema *ema)
{
    rn_status status = RN_OK;

    if (ema == NULL)
        return rn_fail_null("rn_ema_update", "ema");
    if (ema->swapped)
        return rn_fail(&ema->parameters->context->message, RN_STATE, "the average stands in the model: swap it back");
    if (ema->calls % ema->every == 0)
        status = rn_ema_own(ema);
    if (status != RN_OK)
        return status;
    for (size_t i = 0; ema->calls % ema->every == 0 && i < ema->parameters->count; i++)
        take_in(ema, i);
    ema->calls++;
    return RN_OK;
}

/* ---- a swap ------------------------------------------------------------------------------------------------------ */

static void exchange(unsigned char *a, unsigned char *b, size_t nbytes)
{
    unsigned char part[256];

    for (size_t done = 0; done < nbytes; done += sizeof part) {
        const size_t size = nbytes - done < sizeof part ? nbytes - done : sizeof part;

        memcpy(part, a + done, size);
        memcpy(a + done, b + done, size);
        memcpy(b + done, part, size);
    }
}

rn_status rn_ema_swap(rn_ema *ema)
{
    rn_parameters *parameters;
    rn_status status;

    if (ema == NULL)
        return rn_fail_null("rn_ema_swap", "ema");
    parameters = ema->parameters;
    status = rn_ema_own(ema);
    if (status == RN_OK)
        status = rn_parameters_begin_write(parameters, &parameters->context->message);
    if (status != RN_OK)
        return status;
    for (size_t i = 0; i < parameters->count; i++) {
        void *const value = parameters->entry[i].value->data, *const average = average_of(ema, i);

        if (memcmp(value, average, rn_ema_bytes(ema, i)) == 0)
            continue;
        exchange(value, average, rn_ema_bytes(ema, i));
        rn_parameters_written(parameters, i);
    }
    rn_parameters_end_change(parameters);
    ema->swapped = !ema->swapped;
    return RN_OK;
}
