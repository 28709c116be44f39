/* SPDX-License-Identifier: MIT */
/* Memory that several tensors share. It goes with the last of them, in whatever way it was had. */
#include "tensor/tensor.h"

rn_status rn_storage_create(rn_storage **storage, rn_context *context, void *memory, void (*release)(rn_storage *),
                            void *payload)
{
    rn_storage *const made = rn_allocate(&context->allocator, sizeof *made);

    *storage = NULL;
    if (made == NULL)
        return rn_fail(&context->message, RN_NO_MEMORY, "no memory for a tensor");
    rn_references_init(&made->references);
    rn_context_retain(context);
    made->context = context;
    made->memory = memory;
    made->release = release;
    made->payload = payload;
    *storage = made;
    return RN_OK;
}

static void release_own_memory(rn_storage *storage)
{
    rn_release(&storage->context->allocator, storage->memory);
}

rn_status rn_storage_allocate(rn_storage **storage, rn_context *context, size_t nbytes)
{
    void *const memory = rn_allocate_zeroed(&context->allocator, nbytes, 1);
    rn_status status;

    *storage = NULL;
    if (memory == NULL)
        return rn_fail(&context->message, RN_NO_MEMORY, "no memory for a tensor of %zu bytes", nbytes);
    status = rn_storage_create(storage, context, memory, release_own_memory, NULL);
    if (status != RN_OK)
        rn_release(&context->allocator, memory);
    return status;
}

void rn_storage_retain(rn_storage *storage)
{
    rn_retain(&storage->references);
}

void rn_storage_release(rn_storage *storage)
{
    if (storage != NULL && rn_let_go(&storage->references)) {
        rn_context *const context = storage->context;

        if (storage->release != NULL)
            storage->release(storage);
        rn_release(&context->allocator, storage);
        rn_context_release(context);
    }
}

bool rn_storage_is_shared(const rn_storage *storage)
{
    return atomic_load(&storage->references.count) > 1;
}
