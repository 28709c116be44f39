/* SPDX-License-Identifier: MIT */
/* libFuzzer's entry for saving what was read: in both formats it comes back as it was. */
#include "fuzz.h"

#include "checkpoint/checkpoint.h"

enum { MOST_BYTES = 1 << 20 };

static int is_small(const rn_checkpoint *file)
{
    size_t nbytes = 0;

    for (size_t i = 0; i < rn_checkpoint_count(file) && nbytes < MOST_BYTES; i++) {
        const int64_t count = rn_tensor_count(rn_checkpoint_tensor(file, i));

        if (count > MOST_BYTES)
            return 0;
        nbytes += (size_t)count * rn_dtype_size(rn_tensor_dtype(rn_checkpoint_tensor(file, i)));
    }
    return nbytes < MOST_BYTES;
}

static void require_same(const rn_tensor *a, const rn_tensor *b)
{
    const rn_dtype dtype = rn_tensor_dtype(a);
    const size_t nbytes = (size_t)rn_tensor_count(a) * rn_dtype_size(dtype);
    char *const x = malloc(nbytes + 1), *const y = malloc(nbytes + 1);

    fuzz_require(b != NULL && rn_tensor_dtype(b) == dtype && rn_tensor_rank(a) == rn_tensor_rank(b));
    for (int32_t i = 0; i < rn_tensor_rank(a); i++)
        fuzz_require(rn_tensor_shape(a)[i] == rn_tensor_shape(b)[i]);
    fuzz_require(x != NULL && y != NULL && rn_tensor_read(a, dtype, x, nbytes) == RN_OK &&
                 rn_tensor_read(b, dtype, y, nbytes) == RN_OK && memcmp(x, y, nbytes) == 0);
    free(x);
    free(y);
}

static void save_and_open(rn_context *context, const rn_checkpoint *file, rn_format format)
{
    static char directory[] = "/tmp/resnet-fuzz-XXXXXX";
    static int made;
    char path[64];
    rn_checkpoint *back;

    fuzz_require(made || mkdtemp(directory) != NULL);
    made = 1;
    snprintf(path, sizeof path, "%s/file", directory);
    if (rn_checkpoint_save(file, path, format, NULL) != RN_OK)
        return;
    fuzz_require(rn_checkpoint_open(&back, context, path, NULL) == RN_OK);
    fuzz_require(rn_checkpoint_count(back) == rn_checkpoint_count(file));
    for (size_t i = 0; i < rn_checkpoint_count(file); i++)
        require_same(rn_checkpoint_tensor(file, i), rn_checkpoint_find(back, rn_checkpoint_name(file, i)));
    rn_checkpoint_destroy(back);
    unlink(path);
    rmdir(directory);
    made = 0;
    memcpy(directory + sizeof directory - 7, "XXXXXX", 6);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t nbytes)
{
    rn_context *const context = fuzz_context();
    rn_checkpoint *file;
    rn_storage *owner;

    fuzz_require(rn_storage_create(&owner, context, (void *)(uintptr_t)bytes, NULL, NULL) == RN_OK);
    if (rn_checkpoint_read(&file, context, "input", bytes, nbytes, owner) == RN_OK) {
        if (is_small(file)) {
            save_and_open(context, file, RN_FORMAT_SAFETENSORS);
            save_and_open(context, file, RN_FORMAT_TORCH);
        }
        rn_checkpoint_destroy(file);
    }
    rn_storage_release(owner);
    rn_context_destroy(context);
    return 0;
}
