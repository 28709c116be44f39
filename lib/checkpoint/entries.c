/* SPDX-License-Identifier: MIT */
/* The checkpoint: tensors and text in the order they came, each found by name through a hash table. */
#include "checkpoint/checkpoint.h"

#include "base/text.h"
#include <string.h>

rn_status rn_checkpoint_create(rn_checkpoint **checkpoint, rn_context *context)
{
    if (checkpoint == NULL)
        return context == NULL
                   ? rn_fail_null("rn_checkpoint_create", "context")
                   : rn_fail(&context->message, RN_INVALID_ARGUMENT, "rn_checkpoint_create: checkpoint is NULL");
    *checkpoint = NULL;
    if (context == NULL)
        return rn_fail_null("rn_checkpoint_create", "context");
    rn_checkpoint *made = rn_allocate_zeroed(&context->allocator, 1, sizeof *made);
    if (made == NULL)
        return rn_fail(&context->message, RN_NO_MEMORY, "no memory for a checkpoint");
    made->context = context;
    rn_context_retain(context);
    *checkpoint = made;
    return RN_OK;
}

/* What is added while a file is read counts as the file's. The blocks are released by the context in any case. */
static const rn_allocator *allocator_of(const rn_checkpoint *checkpoint)
{
    return checkpoint->budget != NULL ? &checkpoint->budget->allocator : &checkpoint->context->allocator;
}

void rn_checkpoint_destroy(rn_checkpoint *checkpoint)
{
    if (checkpoint == NULL)
        return;
    rn_context *context = checkpoint->context;
    const rn_allocator *allocator = &context->allocator;

    for (size_t i = 0; i < checkpoint->tensor_count; i++) {
        rn_release(allocator, checkpoint->tensors[i].name);
        rn_tensor_destroy(checkpoint->tensors[i].tensor);
    }
    for (size_t i = 0; i < checkpoint->text_count; i++) {
        rn_release(allocator, checkpoint->texts[i].key);
        rn_release(allocator, checkpoint->texts[i].value);
    }
    rn_release(allocator, checkpoint->tensors);
    rn_release(allocator, checkpoint->texts);
    rn_name_index_release(&checkpoint->tensor_index, allocator);
    rn_name_index_release(&checkpoint->text_index, allocator);
    rn_release(allocator, checkpoint);
    rn_context_release(context);
}

const char *rn_checkpoint_container(const rn_checkpoint *checkpoint)
{
    return checkpoint == NULL ? NULL : checkpoint->container;
}

size_t rn_checkpoint_count(const rn_checkpoint *checkpoint)
{
    return checkpoint == NULL ? 0 : checkpoint->tensor_count;
}

const char *rn_checkpoint_name(const rn_checkpoint *checkpoint, size_t index)
{
    return checkpoint == NULL || index >= checkpoint->tensor_count ? NULL : checkpoint->tensors[index].name;
}

const rn_tensor *rn_checkpoint_tensor(const rn_checkpoint *checkpoint, size_t index)
{
    return checkpoint == NULL || index >= checkpoint->tensor_count ? NULL : checkpoint->tensors[index].tensor;
}

const rn_tensor *rn_checkpoint_find(const rn_checkpoint *checkpoint, const char *name)
{
    size_t position;

    if (checkpoint == NULL || name == NULL || !rn_name_index_find(&position, &checkpoint->tensor_index, name))
        return NULL;
    return checkpoint->tensors[position].tensor;
}

static rn_status check_name(const rn_checkpoint *checkpoint, const char *name)
{
    rn_message *message = &checkpoint->context->message;
    size_t position;

    if (name == NULL || name[0] == '\0')
        return rn_fail(message, RN_INVALID_ARGUMENT, "a tensor of a checkpoint needs a name");
    if (!rn_text_is_utf8(name))
        return rn_fail(message, RN_INVALID_ARGUMENT, "the tensor name '%s' is not UTF-8", name);
    if (rn_name_index_find(&position, &checkpoint->tensor_index, name))
        return rn_fail(message, RN_INVALID_ARGUMENT, "the checkpoint already holds a tensor '%s'", name);
    if (checkpoint->tensor_count >= RN_CHECKPOINT_TENSORS)
        return rn_fail(message, RN_UNSUPPORTED, "a checkpoint holds at most %d tensors; '%s' is one too many",
                       RN_CHECKPOINT_TENSORS, name);
    return RN_OK;
}

rn_status rn_checkpoint_take(rn_checkpoint *checkpoint, const char *name, rn_tensor *tensor)
{
    const rn_allocator *allocator = allocator_of(checkpoint);
    rn_message *message = &checkpoint->context->message;
    rn_status status = check_name(checkpoint, name);

    if (status != RN_OK)
        return status;
    if (checkpoint->tensor_count == checkpoint->tensor_capacity) {
        const size_t capacity = checkpoint->tensor_capacity == 0 ? 64 : checkpoint->tensor_capacity * 2;
        void *grown = rn_grow_array(allocator, checkpoint->tensors, checkpoint->tensor_count, capacity,
                                    sizeof *checkpoint->tensors);

        if (grown == NULL)
            return rn_fail(message, RN_NO_MEMORY, "no memory for the tensor '%s' of a checkpoint", name);
        checkpoint->tensors = grown;
        checkpoint->tensor_capacity = capacity;
    }
    char *copy = rn_copy_string(allocator, name);
    if (copy == NULL || !rn_name_index_insert(&checkpoint->tensor_index, allocator, copy, checkpoint->tensor_count)) {
        rn_release(allocator, copy);
        return rn_fail(message, RN_NO_MEMORY, "no memory for the tensor '%s' of a checkpoint", name);
    }
    checkpoint->tensors[checkpoint->tensor_count++] = (rn_checkpoint_tensor_entry){ .name = copy, .tensor = tensor };
    return RN_OK;
}

rn_status rn_checkpoint_add(rn_checkpoint *checkpoint, const char *name, const rn_tensor *tensor)
{
    rn_tensor *copy = NULL;
    rn_status status;

    if (checkpoint == NULL)
        return rn_fail_null("rn_checkpoint_add", "checkpoint");
    if (tensor == NULL)
        return rn_fail(&checkpoint->context->message, RN_INVALID_ARGUMENT, "rn_checkpoint_add: tensor is NULL");
    status = check_name(checkpoint, name); /* before anything large is copied */
    if (status == RN_OK)
        status = rn_tensor_create(&copy, checkpoint->context, tensor->dtype, tensor->rank, tensor->shape, RN_ROW_MAJOR);
    if (status == RN_OK)
        status = rn_tensor_copy(copy, tensor);
    if (status == RN_OK)
        status = rn_checkpoint_take(checkpoint, name, copy);
    if (status != RN_OK)
        rn_tensor_destroy(copy);
    return status;
}

rn_status rn_checkpoint_share(rn_checkpoint *checkpoint, const char *name, const rn_tensor *tensor)
{
    rn_tensor *view = NULL;
    rn_status status;

    if (checkpoint == NULL || tensor == NULL)
        return rn_fail_null("rn_checkpoint_share", checkpoint == NULL ? "checkpoint" : "tensor");
    status = rn_tensor_over(&view, tensor->storage, tensor->data, tensor->dtype, tensor->rank, tensor->shape,
                            tensor->strides, RN_ROW_MAJOR);
    if (status == RN_OK)
        status = rn_checkpoint_take(checkpoint, name, view);
    if (status != RN_OK)
        rn_tensor_destroy(view);
    return status;
}

size_t rn_checkpoint_metadata_count(const rn_checkpoint *checkpoint)
{
    return checkpoint == NULL ? 0 : checkpoint->text_count;
}

const char *rn_checkpoint_metadata_key(const rn_checkpoint *checkpoint, size_t index)
{
    return checkpoint == NULL || index >= checkpoint->text_count ? NULL : checkpoint->texts[index].key;
}

const char *rn_checkpoint_metadata(const rn_checkpoint *checkpoint, const char *key)
{
    size_t position;

    if (checkpoint == NULL || key == NULL || !rn_name_index_find(&position, &checkpoint->text_index, key))
        return NULL;
    return checkpoint->texts[position].value;
}

/* The later entries move up; the table is filled anew, for which its memory suffices. */
static void remove_text(rn_checkpoint *checkpoint, size_t position)
{
    const rn_allocator *allocator = allocator_of(checkpoint);
    rn_checkpoint_text_entry *texts = checkpoint->texts;

    rn_name_index_clear(&checkpoint->text_index);
    rn_release(allocator, texts[position].key);
    rn_release(allocator, texts[position].value);
    checkpoint->text_count--;
    memmove(texts + position, texts + position + 1, (checkpoint->text_count - position) * sizeof *texts);
    for (size_t i = 0; i < checkpoint->text_count; i++)
        (void)rn_name_index_insert(&checkpoint->text_index, allocator, texts[i].key, i);
}

/* Takes both strings over on success. */
static bool append_text(rn_checkpoint *checkpoint, char *key, char *value)
{
    const rn_allocator *allocator = allocator_of(checkpoint);

    if (checkpoint->text_count == checkpoint->text_capacity) {
        const size_t capacity = checkpoint->text_capacity == 0 ? 16 : checkpoint->text_capacity * 2;
        void *grown =
            rn_grow_array(allocator, checkpoint->texts, checkpoint->text_count, capacity, sizeof *checkpoint->texts);

        if (grown == NULL)
            return false;
        checkpoint->texts = grown;
        checkpoint->text_capacity = capacity;
    }
    if (!rn_name_index_insert(&checkpoint->text_index, allocator, key, checkpoint->text_count))
        return false;
    checkpoint->texts[checkpoint->text_count++] = (rn_checkpoint_text_entry){ .key = key, .value = value };
    return true;
}

rn_status rn_checkpoint_set_metadata(rn_checkpoint *checkpoint, const char *key, const char *value)
{
    size_t position;

    if (checkpoint == NULL)
        return rn_fail_null("rn_checkpoint_set_metadata", "checkpoint");
    rn_message *message = &checkpoint->context->message;
    const rn_allocator *allocator = allocator_of(checkpoint);
    if (key == NULL || !rn_text_is_utf8(key))
        return rn_fail(message, RN_INVALID_ARGUMENT, "a metadata key must be UTF-8 text");
    if (value != NULL && !rn_text_is_utf8(value))
        return rn_fail(message, RN_INVALID_ARGUMENT, "the metadata value of '%s' is not UTF-8", key);
    const bool there = rn_name_index_find(&position, &checkpoint->text_index, key);
    if (value == NULL) {
        if (there)
            remove_text(checkpoint, position);
        return RN_OK;
    }
    char *value_copy = rn_copy_string(allocator, value);
    if (value_copy != NULL && there) {
        rn_release(allocator, checkpoint->texts[position].value);
        checkpoint->texts[position].value = value_copy;
        return RN_OK;
    }
    char *key_copy = value_copy == NULL ? NULL : rn_copy_string(allocator, key);
    if (key_copy == NULL || !append_text(checkpoint, key_copy, value_copy)) {
        rn_release(allocator, key_copy);
        rn_release(allocator, value_copy);
        return rn_fail(message, RN_NO_MEMORY, "no memory for the metadata '%s'", key);
    }
    return RN_OK;
}
