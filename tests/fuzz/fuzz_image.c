/* SPDX-License-Identifier: MIT */
/*
 * libFuzzer's entry for the picture decoders and a pipeline, on bytes in memory.
 *
 *   clang -g -O1 -std=c11 -fsanitize=fuzzer,address,undefined -Iinclude -Ilib tests/fuzz/fuzz_image.c \
 *       <the library's sources> -fopenmp -lcjson -ljpeg -lz -lm
 *   ./a.out corpus tests/image/fixtures
 *
 * PNG checksums are made right first, or nothing would get past them. Pictures that are accepted go through every step.
 */
#include <resnet/image.h>

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum { LARGEST = 1 << 28 };

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

static void mend_checksums(uint8_t *bytes, size_t nbytes)
{
    for (size_t at = 8; at + 12 <= nbytes;) {
        const size_t length =
            (size_t)bytes[at] << 24 | (size_t)bytes[at + 1] << 16 | (size_t)bytes[at + 2] << 8 | bytes[at + 3];
        uint32_t crc;

        if (length > nbytes - at - 12)
            return;
        crc = (uint32_t)crc32(0, bytes + at + 4, (uInt)length + 4);
        for (int i = 0; i < 4; i++)
            bytes[at + 8 + length + (size_t)i] = (uint8_t)(crc >> (24 - 8 * i));
        at += 12 + length;
    }
}

static void use(rn_context *context, const rn_image *image)
{
    static const char text[] =
        "Resize(9), RandomRotation(45), CenterCrop(8), RandomHorizontalFlip(), RandomVerticalFlip(), "
        "ColorJitter(0.2, 0.1, 0.1, 0.1), RandomGrayscale(), ToTensor()";
    const rn_draw draw = { 1, 2, 3 };
    rn_pipeline *pipeline;
    rn_tensor *tensor;

    if (rn_pipeline_create(&pipeline, context, text) != RN_OK)
        abort();
    if (rn_pipeline_apply(&tensor, context, pipeline, image, &draw) == RN_OK)
        rn_tensor_destroy(tensor);
    rn_pipeline_destroy(pipeline);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t nbytes)
{
    const rn_context_options options = {
        .struct_size = sizeof options, .threads = 1, .allocate = allocate, .release = release
    };
    uint8_t *const copy = malloc(nbytes + (nbytes == 0));
    rn_context *context;
    rn_image *image;

    if (copy == NULL || rn_context_create(&context, &options) != RN_OK)
        abort();
    if (nbytes > 0)
        memcpy(copy, bytes, nbytes);
    if (nbytes > 0 && copy[0] == 0x89)
        mend_checksums(copy, nbytes);
    if (rn_image_decode(&image, context, copy, nbytes, "input", NULL) == RN_OK) {
        use(context, image);
        rn_image_destroy(image);
    }
    rn_context_destroy(context);
    free(copy);
    return 0;
}
