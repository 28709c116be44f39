/* SPDX-License-Identifier: MIT */
/*
 * libFuzzer's entry for every checkpoint reader, on bytes in memory.
 *
 *   clang -g -O1 -std=c11 -fsanitize=fuzzer,address,undefined -Iinclude -Ilib tests/fuzz/fuzz_checkpoint.c \
 *       <the library's sources> -fopenmp -lcjson -lz -lm
 *   ./a.out corpus tests/checkpoint/fixtures
 *
 * Every tensor of an accepted file is read once. Allocations beyond 256 MiB fail, as they would on a small machine.
 */
#include "checkpoint/checkpoint.h"

#include <stdlib.h>

enum { LARGEST = 1 << 28, MOST_ELEMENTS = 1 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t nbytes);

static void *allocate(size_t bytes, size_t alignment, void *payload)
{
    (void)payload;
    return bytes > LARGEST ? NULL : aligned_alloc(alignment, (bytes + alignment) / alignment * alignment);
}

static void release(void *memory, void *payload)
{
    (void)payload;
    free(memory);
}

static void use(const rn_checkpoint *checkpoint)
{
    for (size_t i = 0; i < rn_checkpoint_count(checkpoint); i++) {
        const rn_tensor *tensor = rn_checkpoint_tensor(checkpoint, i);
        const int64_t count = rn_tensor_count(tensor);
        double *values = count > MOST_ELEMENTS ? NULL : malloc((size_t)count * sizeof *values + 1);

        if (values != NULL && count > 0 &&
            rn_tensor_read(tensor, RN_FLOAT64, values, (size_t)count * sizeof *values) != RN_OK)
            abort();
        free(values);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t nbytes)
{
    rn_context *context;
    rn_checkpoint *checkpoint;
    rn_storage *owner;
    const rn_context_options options = {
        .struct_size = sizeof options, .threads = 1, .allocate = allocate, .release = release
    };

    if (rn_context_create(&context, &options) != RN_OK)
        abort();
    if (rn_storage_create(&owner, context, (void *)(uintptr_t)bytes, NULL, NULL) != RN_OK)
        abort();
    if (rn_checkpoint_read(&checkpoint, context, "input", bytes, nbytes, owner) == RN_OK) {
        use(checkpoint);
        rn_checkpoint_destroy(checkpoint);
    }
    rn_storage_release(owner);
    rn_context_destroy(context);
    return 0;
}
