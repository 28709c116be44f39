/* SPDX-License-Identifier: MIT */
/*
 * libFuzzer's entry for model files. The input is the header of a safetensors file; as many zeros as the seed's network
 * has numbers follow. What is accepted is saved, and comes back with the same network.
 */
#include "fuzz.h"

enum { DATA_BYTES = 1 << 21, PREFIX = 8 };

static void save_and_open(rn_context *context, const rn_model *model)
{
    char directory[] = "/tmp/resnet-fuzz-XXXXXX", path[64];
    rn_model *back;

    fuzz_require(mkdtemp(directory) != NULL);
    snprintf(path, sizeof path, "%s/file", directory);
    fuzz_require(rn_model_save(model, path, NULL) == RN_OK);
    fuzz_require(rn_model_open(&back, context, path, NULL) == RN_OK);
    fuzz_require(strcmp(rn_model_name(model), rn_model_name(back)) == 0);
    fuzz_require(rn_model_class_count(model) == rn_model_class_count(back));
    rn_model_destroy(back);
    unlink(path);
    rmdir(directory);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t nbytes)
{
    static const char offsets[] = "\"data_offsets\":[";
    rn_context *const context = fuzz_context();
    uint8_t *const file = calloc(1, PREFIX + nbytes + 1);
    long end = 0;
    rn_model *model;
    char path[64];
    int handle;

    fuzz_require(file != NULL);
    for (int i = 0; i < PREFIX; i++)
        file[i] = (uint8_t)((uint64_t)nbytes >> 8 * i);
    if (nbytes > 0)
        memcpy(file + PREFIX, bytes, nbytes);
    /* The file is as long as its header says, or nothing would get past that. */
    for (const char *at = (char *)file + PREFIX; (at = strstr(at, offsets)) != NULL; at++) {
        const char *const comma = strchr(at, ',');
        const long value = comma != NULL ? strtol(comma + 1, NULL, 10) : 0;

        end = value > end && value <= DATA_BYTES ? value : end;
    }
    handle = fuzz_file(path, file, PREFIX + nbytes);
    fuzz_require(ftruncate(handle, (off_t)(PREFIX + nbytes) + end) == 0);
    if (rn_model_open(&model, context, path, NULL) == RN_OK) {
        save_and_open(context, model);
        rn_model_destroy(model);
    }
    close(handle);
    free(file);
    rn_context_destroy(context);
    return 0;
}
