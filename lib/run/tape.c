/* SPDX-License-Identifier: MIT */
/* Writing a tape, finding where its numbers lie, and running it. */
#include "run/tape.h"

#include <stddef.h>

/* Makes room for one more; false without memory, which the tape remembers. */
#define GROW(tape, array, count, room) \
    grow(tape, (void **)&(tape)->array, sizeof *(tape)->array, (tape)->count, &(tape)->room)

static bool grow(rn_tape *tape, void **array, size_t size, int32_t count, int32_t *room)
{
    const int32_t wanted = *room * 2 + 64;
    void *grown;

    if (tape->failed || count < *room)
        return !tape->failed;
    grown = rn_grow_array(&tape->context->allocator, *array, (size_t)count, (size_t)wanted, size);
    if (grown == NULL) {
        tape->failed = true;
        return false;
    }
    *array = grown;
    *room = wanted;
    return true;
}

static int32_t add_buffer(rn_tape *tape, const rn_buffer *buffer)
{
    if (!GROW(tape, buffer, buffers, buffer_room))
        return -1;
    tape->buffer[tape->buffers] = *buffer;
    tape->buffer[tape->buffers].first = INT32_MAX;
    tape->buffer[tape->buffers].last = -1;
    return tape->buffers++;
}

int32_t rn_tape_images(rn_tape *tape, int64_t h, int64_t w, int64_t c)
{
    return add_buffer(tape, &(rn_buffer){ RN_IN_ARENA, .of_images = true, .h = h, .w = w, .c = c, .element = 4 });
}

int32_t rn_tape_numbers(rn_tape *tape, int64_t count, size_t element)
{
    return add_buffer(tape, &(rn_buffer){ RN_IN_ARENA, .h = 1, .w = 1, .c = count, .element = element });
}

int32_t rn_tape_outside(rn_tape *tape, rn_place place, int32_t index, int64_t count)
{
    return add_buffer(tape, &(rn_buffer){ place, index, .h = 1, .w = 1, .c = count, .element = sizeof(float) });
}

int32_t rn_tape_view(rn_tape *tape, int32_t buffer, int64_t channel, int64_t channels)
{
    if (buffer < 0 || !GROW(tape, view, views, view_room))
        return -1;
    tape->view[tape->views] = (rn_view){ buffer, channel, channels, false, -1 };
    return tape->views++;
}

int32_t rn_tape_view_like(rn_tape *tape, int32_t view)
{
    const rn_view v = tape->view[view];
    const rn_buffer buffer = tape->buffer[v.buffer];
    const int32_t made = rn_tape_images(tape, buffer.h, buffer.w, v.channels);

    if (made >= 0)
        tape->buffer[made].element = buffer.element;
    return rn_tape_view(tape, made, 0, v.channels);
}

int32_t rn_tape_vector(rn_tape *tape, int64_t count)
{
    return rn_tape_view(tape, rn_tape_numbers(tape, count, sizeof(float)), 0, count);
}

int32_t rn_tape_parameter(rn_tape *tape, rn_place place, int32_t parameter)
{
    int64_t count;

    if (parameter < 0)
        return -1;
    count = tape->parameters->entry[parameter].count;
    return rn_tape_view(tape, rn_tape_outside(tape, place, parameter, count), 0, count);
}

int32_t rn_tape_add(rn_tape *tape, const rn_operation *operation)
{
    if (!GROW(tape, operation, operations, operation_room))
        return -1;
    tape->operation[tape->operations] = *operation;
    return tape->operations++;
}

int32_t rn_tape_product(rn_tape *tape, const rn_product *product)
{
    if (!GROW(tape, product, products, product_room))
        return -1;
    tape->product[tape->products] = *product;
    return tape->products++;
}

void rn_tape_replace_backward(rn_tape *tape, int32_t begin)
{
    if (tape->failed)
        return;
    for (int32_t i = begin; i < tape->operations; i++)
        tape->operation[tape->backward + i - begin] = tape->operation[i];
    tape->operations -= begin - tape->backward;
}

/* Pieces hang in a list; what is asked for follows the link. */
struct rn_tape_memory {
    struct rn_tape_memory *next;
    max_align_t memory[];
};

void *rn_tape_allocate(rn_tape *tape, size_t nbytes)
{
    struct rn_tape_memory *made;
    size_t total;

    made = rn_size_add(&total, nbytes, sizeof *made) && !tape->failed ? rn_allocate(&tape->context->allocator, total)
                                                                      : NULL;
    if (made == NULL) {
        tape->failed = true;
        return NULL;
    }
    made->next = tape->memory;
    tape->memory = made;
    return made->memory;
}

void rn_tape_release(rn_tape *tape)
{
    const rn_allocator *const allocator = &tape->context->allocator;

    while (tape->memory != NULL) {
        struct rn_tape_memory *const next = tape->memory->next;

        rn_release(allocator, tape->memory);
        tape->memory = next;
    }
    for (int32_t i = 0; i < tape->products; i++)
        rn_prepared_put(tape->parameters, tape->product[i].prepared);
    rn_release(allocator, tape->product);
    rn_release(allocator, tape->operation);
    rn_release(allocator, tape->view);
    rn_release(allocator, tape->buffer);
}

/* ---- where numbers lie ------------------------------------------------------------------------------------------- */

static char *base_of(const rn_tape *tape, const rn_buffer *buffer)
{
    switch (buffer->place) {
    case RN_IN_ARENA: return tape->arena == NULL ? NULL : tape->arena + buffer->offset;
    case RN_IN_PARAMETERS: return (char *)rn_parameters_floats(tape->parameters, (size_t)buffer->index);
    case RN_IN_GRADIENTS: return (char *)rn_parameters_gradient_floats(tape->parameters, (size_t)buffer->index);
    case RN_IN_PREPARED: return (char *)rn_prepared_floats(tape->product[buffer->index].prepared);
    }
    return NULL;
}

/* A buffer with room for a portion begins with the images that run, one with room for all begins with image 0. */
void *rn_view_data(const rn_tape *tape, int32_t view)
{
    const rn_view *const v = &tape->view[view];
    const rn_buffer *const buffer = &tape->buffer[v->buffer];
    const int64_t before = buffer->of_images && !buffer->portioned ? tape->first_image * buffer->h * buffer->w : 0;
    char *const base = base_of(tape, buffer);

    return base == NULL ? NULL : base + (size_t)(before * buffer->c + v->channel) * buffer->element;
}

void *rn_operand_data(const rn_tape *tape, const rn_operation *operation, int operand)
{
    return rn_has(operation, operand) ? rn_view_data(tape, operation->operand[operand].view) : NULL;
}

float *rn_operand_floats(const rn_tape *tape, const rn_operation *operation, int operand)
{
    return rn_operand_data(tape, operation, operand);
}

rn_map rn_view_map(const rn_tape *tape, int32_t view)
{
    const rn_view *const v = &tape->view[view];
    const rn_buffer *const buffer = &tape->buffer[v->buffer];
    const bool is_halved = buffer->element == RN_HALF;

    return (rn_map){ .data = rn_view_data(tape, view),
                     .n = buffer->of_images ? tape->images : 1,
                     .h = buffer->h,
                     .w = buffer->w,
                     .c = v->channels,
                     .pitch = is_halved ? buffer->c / 2 : buffer->c,
                     .is_halved = is_halved };
}

rn_map rn_operand_map(const rn_tape *tape, const rn_operation *operation, int operand)
{
    return rn_has(operation, operand) ? rn_view_map(tape, operation->operand[operand].view) : (rn_map){ 0 };
}

float *rn_tape_begin_gradient(const rn_tape *tape, const rn_operation *o, int operand, bool *accumulate)
{
    const rn_buffer *const buffer = &tape->buffer[tape->view[o->operand[operand].view].buffer];

    *accumulate = false;
    if (!rn_has(o, operand))
        return NULL;
    if (buffer->place == RN_IN_GRADIENTS) {
        rn_parameter *const entry = &tape->parameters->entry[buffer->index];

        *accumulate = entry->has_gradient;
        entry->has_gradient = true;
    }
    return rn_operand_floats(tape, o, operand);
}

rn_ready rn_tape_ready(const rn_tape *tape, const rn_operation *o)
{
    const rn_view *const view = &tape->view[o->operand[RN_DWEIGHTS].view];

    return (rn_ready){ .parameter = o->as.ready.parameter,
                       .begin = o->as.ready.begin,
                       .end = o->as.ready.begin + view->channels,
                       .gradient = rn_operand_floats(tape, o, RN_DWEIGHTS),
                       .dies = tape->buffer[view->buffer].place == RN_IN_ARENA };
}

void rn_tape_say_ready(const rn_tape *tape, const rn_operation *o)
{
    const rn_ready ready = rn_tape_ready(tape, o);

    if (tape->gradient_ready != NULL)
        tape->gradient_ready(tape->payload, &ready);
}

/* ---- running ----------------------------------------------------------------------------------------------------- */

size_t rn_tape_prepared_bytes(const rn_tape *tape)
{
    size_t total = 0, nbytes;

    for (int32_t i = 0; i < tape->products; i++) {
        if (!rn_size_multiply(&nbytes, tape->product[i].key.count, sizeof(float)) ||
            !rn_size_add(&total, total, nbytes))
            return SIZE_MAX;
    }
    return total;
}

rn_status rn_tape_prepare(rn_tape *tape)
{
    for (int32_t i = 0; i < tape->products; i++) {
        rn_product *const product = &tape->product[i];
        const rn_status status = product->prepared != NULL ? RN_OK
                                                           : rn_prepared_get(&product->prepared, tape->parameters,
                                                                             &product->key, &tape->context->message);

        if (status != RN_OK)
            return status;
    }
    return RN_OK;
}

typedef struct making {
    const rn_tape *tape;
    const rn_product *product;
} making;

static void make_product(void *payload, float *data)
{
    const making *const it = payload;

    it->product->make(it->tape, it->product, data);
}

/* While no parameter was written, nothing needs to be looked at. */
static void refresh(rn_tape *tape)
{
    if (tape->is_fresh && tape->fresh_version == tape->parameters->version)
        return;
    for (int32_t i = 0; i < tape->products; i++) {
        making it = { tape, &tape->product[i] };

        rn_prepared_refresh(tape->parameters, tape->product[i].prepared, make_product, &it);
    }
    tape->fresh_version = tape->parameters->version;
    tape->is_fresh = true;
}

static void run(const rn_tape *tape, int32_t begin, int32_t end)
{
    for (int32_t i = begin; i < end; i++)
        tape->operation[i].run(tape, &tape->operation[i]);
}

void rn_tape_forward(rn_tape *tape)
{
    refresh(tape);
    for (int64_t first = 0; tape->portion_end > 0 && first < tape->batch; first += tape->portion) {
        tape->first_image = first;
        tape->images = tape->batch - first < tape->portion ? tape->batch - first : tape->portion;
        run(tape, 0, tape->portion_end);
    }
    tape->first_image = 0;
    tape->images = tape->batch;
    run(tape, tape->portion_end, tape->backward);
}

void rn_tape_backward(rn_tape *tape)
{
    run(tape, tape->backward, tape->operations);
}
